#include "base/system/sockets.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>

namespace oc {
namespace {

TEST(Sockets, SendingNeverWaits) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  EXPECT_EQ(send_without_waiting(ends[0], "abc"), 3);
  char got[4] = {};
  EXPECT_EQ(::read(ends[1], got, sizeof got), 3);
  EXPECT_STREQ(got, "abc");
  // Nobody reads: it is full at some time.
  const std::string block(64 << 10, 'x');
  ssize_t taken = 0;
  for (int i = 0; i < 10'000 && taken >= 0; ++i) taken = send_without_waiting(ends[0], block);
  EXPECT_EQ(taken, -1);
  EXPECT_TRUE(errno == EAGAIN || errno == EWOULDBLOCK) << errno;
  ::close(ends[0]);
  ::close(ends[1]);
}

#ifdef MSG_NOSIGNAL
TEST(Sockets, AReaderThatHasLeftIsAnErrorAndNoSignal) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  ::close(ends[1]);
  auto* const before = std::signal(SIGPIPE, SIG_DFL);  // which would end the test
  EXPECT_EQ(send_without_waiting(ends[0], "abc"), -1);
  EXPECT_EQ(errno, EPIPE);
  std::signal(SIGPIPE, before);
  ::close(ends[0]);
}
#endif

#ifdef TCP_NOTSENT_LOWAT
TEST(Sockets, WhatIsUnsentHasALimit) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_GE(fd, 0);
  limit_unsent_bytes(fd, 4096);
  int bytes = 0;
  socklen_t size = sizeof bytes;
  EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, &size), 0);
  EXPECT_EQ(bytes, 4096);
  ::close(fd);
}
#endif

}  // namespace
}  // namespace oc
