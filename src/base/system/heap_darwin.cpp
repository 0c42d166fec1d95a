#include "base/system/heap.h"

namespace oc::heap {

void give_back_large_blocks() {}
void give_back_free_pages() {}
void use_one_arena() {}

}  // namespace oc::heap
