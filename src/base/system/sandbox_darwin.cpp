#include <unistd.h>

#include "base/system/sandbox.h"

namespace oc {

bool ends_with(std::int64_t parent) { return ::getppid() == parent; }

// start() had them closed on the way here.
void close_descriptors_from(int) {}

bool lock_in() { return true; }

}  // namespace oc
