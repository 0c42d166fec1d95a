#include "base/system/files.h"

#include <sys/file.h>

#include <cerrno>

namespace oc {

int try_lock(int fd) { return ::flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno; }

}  // namespace oc
