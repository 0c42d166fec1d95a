#include "http/listen_check.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/http/raw_client.h"
#include "tests/listening_socket.h"

namespace oc::http {
namespace {

TEST(ListenCheck, WhatCanBeListenedOn) {
  for (const char* host : {"127.0.0.1", "localhost", "0.0.0.0", "127.0.0.2"})
    EXPECT_TRUE(check_listen(host, 0).ok()) << host;
}

TEST(ListenCheck, WhatIsNoAddressOfThisMachineNamesTheHost) {
  for (const char* host : {"", "x", "example.com", "localhost ", "127.0.0.1:80", "256.0.0.1",
                           "192.0.2.1", "2001:db8::1", "[::1]", "; rm -rf /"}) {
    const auto checked = check_listen(host, 0);
    ASSERT_FALSE(checked.ok()) << host;
    EXPECT_EQ(checked.error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(checked.error().param, "server.host") << host;
  }
}

TEST(ListenCheck, APortThatIsTakenNamesThePort) {
  auto taken = std::make_unique<ListeningSocket>();
  const std::uint16_t port = taken->port();
  const auto checked = check_listen("127.0.0.1", port);
  ASSERT_FALSE(checked.ok());
  EXPECT_EQ(checked.error().param, "server.port");
  taken.reset();
  EXPECT_TRUE(check_listen("127.0.0.1", port).ok());
  EXPECT_TRUE(check_listen("127.0.0.1", port).ok()) << "it is given back";
}

}  // namespace
}  // namespace oc::http
