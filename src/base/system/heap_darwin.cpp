#include "base/system/heap.h"

namespace oc::heap {

void give_back_large_blocks() {}
void give_back_free_pages() {}

}  // namespace oc::heap
