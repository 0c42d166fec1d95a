#include "base/system/open_beneath.h"

namespace oc {

int open_beneath(int folder, const char* path) { return open_beneath_without_links(folder, path); }

}  // namespace oc
