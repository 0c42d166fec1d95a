#include "base/system/sockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace oc {

ssize_t send_without_waiting(int fd, std::string_view bytes) {
#ifdef MSG_NOSIGNAL
  constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
#else
  constexpr int kFlags = MSG_DONTWAIT;
#endif
  return ::send(fd, bytes.data(), bytes.size(), kFlags);
}

void limit_unsent_bytes([[maybe_unused]] int fd, [[maybe_unused]] int bytes) {
#ifdef TCP_NOTSENT_LOWAT
  ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
#endif
}

}  // namespace oc
