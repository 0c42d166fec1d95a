#include "base/system/threads.h"

namespace oc {

void lower_thread_priority() {}

}  // namespace oc
