#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/system/open_beneath.h"

namespace oc {

int open_beneath(int folder, const char* path) {
  open_how how{};
  how.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  for (int tries = 0; tries < 8; ++tries) {
    const long fd = ::syscall(SYS_openat2, folder, path, &how, sizeof how);
    if (fd >= 0) return static_cast<int>(fd);
    // An old kernel, or a container's filter.
    if (errno == ENOSYS || errno == EPERM) return open_beneath_without_links(folder, path);
    if (errno != EAGAIN) return -1;  // EAGAIN: something was renamed on the way
  }
  return -1;
}

}  // namespace oc
