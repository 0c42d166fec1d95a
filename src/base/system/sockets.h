// Sockets beyond what all systems have.
#pragma once

#include <sys/types.h>

#include <string_view>

namespace oc {

// As send(): the bytes that were taken, or -1 and errno (EAGAIN: there is no room). Never waits,
// and raises no SIGPIPE where the system can leave it out.
ssize_t send_without_waiting(int fd, std::string_view bytes);

// How much of what was written to a TCP connection the system keeps before it sends it: what is
// more has to wait for room. Nothing where the system cannot.
void limit_unsent_bytes(int fd, int bytes);

}  // namespace oc
