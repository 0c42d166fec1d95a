#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/system/threads.h"

namespace oc {

void lower_thread_priority() {
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), 19);
}

}  // namespace oc
