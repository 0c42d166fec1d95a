// A server that floods, drips, lies or says nothing: what is read of it is bounded.
#include "runtime/cache/redis_connection.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <functional>
#include <future>
#include <thread>

#include "tests/listening_socket.h"

namespace oc {
namespace {

using std::chrono::milliseconds;

// One connection: PING and AUTH are answered as they should be, then a script goes on.
class ScriptedServer {
 public:
  using Script = std::function<void(ScriptedServer&)>;

  explicit ScriptedServer(Script script, bool greets = true)
      : script_(std::move(script)), greets_(greets) {
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedServer() {
    ending_ = true;
    thread_.join();
  }

  RedisAddress address() const { return {.host = "127.0.0.1", .port = listener_.port()}; }
  // False once the client has gone, or the test is over.
  bool say(std::string_view bytes) {
    while (!bytes.empty() && !ending_) {
      pollfd one{client_, POLLOUT, 0};
      if (::poll(&one, 1, 10) <= 0) continue;
      const ssize_t count =
          ::send(client_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count < 0 && errno == EAGAIN) continue;
      if (count <= 0) return false;
      sent += static_cast<std::size_t>(count);
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return !ending_;
  }
  // Whether a command came: all of a test's are short, and come at once.
  bool hear() {
    std::array<char, 4096> buffer;
    while (!ending_) {
      pollfd one{client_, POLLIN, 0};
      if (::poll(&one, 1, 10) <= 0) continue;
      return ::read(client_, buffer.data(), buffer.size()) > 0;
    }
    return false;
  }
  void wait(milliseconds time) { std::this_thread::sleep_for(time); }
  bool over() const { return ending_; }
  std::atomic<std::size_t> sent{0};

 private:
  void serve() {
    pollfd one{listener_.get(), POLLIN, 0};
    while (!ending_ && ::poll(&one, 1, 10) <= 0) {
    }
    if (ending_) return;
    client_ = ::accept(listener_.get(), nullptr, nullptr);
    const int one_by_one = 1;  // what is said is sent at once
    ::setsockopt(client_, IPPROTO_TCP, TCP_NODELAY, &one_by_one, sizeof one_by_one);
    if (!greets_ || (hear() && say("+PONG\r\n"))) script_(*this);
    ::close(client_);
  }

  Script script_;
  bool greets_;
  ListeningSocket listener_;
  int client_ = -1;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

constexpr std::size_t kMax = 64 << 10;
constexpr std::size_t kChunk = 16 << 10;  // that is read at once

RedisPatience a_minute() {
  return {.connecting = milliseconds(60'000),
          .silence = milliseconds(60'000),
          .whole = milliseconds(60'000)};
}

std::unique_ptr<RedisConnection> connect(const ScriptedServer& server,
                                         RedisPatience patience = a_minute()) {
  auto opened = RedisConnection::open(server.address(), std::move(patience));
  EXPECT_TRUE(opened.ok()) << opened.error().message;
  return *std::move(opened);
}

void expect_broken(const Result<std::string>& value, std::string_view why) {
  ASSERT_FALSE(value.ok());
  EXPECT_EQ(value.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(value.error().message.find(why), std::string::npos) << value.error().message;
}

TEST(RedisConnection, AValueInPieces) {
  ScriptedServer server([](ScriptedServer& s) {
    if (!s.hear()) return;
    for (const char* part : {"$", "1", "0\r", "\n01234", "56789", "\r", "\n"}) {
      s.say(part);
      s.wait(milliseconds(2));
    }
    if (s.hear()) s.say("$-1\r\n");
    if (s.hear()) s.say("-ERR no\r\n");
    s.hear();
  });
  const auto redis = connect(server);
  EXPECT_EQ(redis->get("k", kMax).value(), "0123456789");
  EXPECT_EQ(redis->get("k", kMax).value(), "") << "no such key";
  const auto refused = redis->get("k", kMax);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(refused.error().message, "ERR no");
}

TEST(RedisConnection, AFloodIsReadNoFurtherThanWhatWasAskedFor) {
  for (const char* head : {"$1000000000\r\n", "$65600\r\n", "+", "-ERR ", ":1"}) {
    ScriptedServer server([head](ScriptedServer& s) {
      if (!s.hear() || !s.say(head)) return;
      const std::string block(64 << 10, '1');
      for (int i = 0; i < 16 << 10 && s.say(block); ++i) {  // a gigabyte
      }
    });
    const auto redis = connect(server);
    ASSERT_FALSE(redis->get("k", kMax).ok()) << head;
    EXPECT_LE(redis->received(), kMax + kChunk + 100) << head;
  }
}

TEST(RedisConnection, ADripEndsWithTheCommandsTime) {
  ScriptedServer server([](ScriptedServer& s) {
    if (!s.hear() || !s.say("$60000\r\n")) return;
    while (s.say("x")) s.wait(milliseconds(5));
  });
  const auto redis = connect(server, {.connecting = milliseconds(60'000),
                                      .silence = milliseconds(60'000),
                                      .whole = milliseconds(100)});
  expect_broken(redis->get("k", kMax), "in time");
  EXPECT_LT(redis->received(), 1000u);
}

TEST(RedisConnection, AListOfABillionIsNotWaitedFor) {
  for (const char* head :
       {"*1000000000\r\n", "*2\r\n*1000000000\r\n", "%1000000\r\n", "HTTP/1.1"}) {
    ScriptedServer server([head](ScriptedServer& s) {
      if (s.hear()) s.say(head);
      s.hear();
    });
    expect_broken(connect(server)->get("k", kMax), "protocol");
  }
}

TEST(RedisConnection, WhatNobodyAskedForEndsTheConnection) {
  ScriptedServer together([](ScriptedServer& s) {
    if (s.hear()) s.say("$1\r\nx\r\n$1\r\ny\r\n");
    s.hear();
  });
  expect_broken(connect(together)->get("k", kMax), "nobody asked for");

  std::promise<void> answered, said;
  ScriptedServer later([&](ScriptedServer& s) {
    if (s.hear()) s.say("$1\r\nx\r\n");
    answered.get_future().wait();  // or the client reads both at once
    s.say("$1\r\ny\r\n");
    said.set_value();
    s.hear();
  });
  const auto redis = connect(later);
  const auto first = redis->get("k", kMax);
  answered.set_value();
  EXPECT_EQ(first.value(), "x");
  said.get_future().wait();  // what is sent on this machine has arrived
  expect_broken(redis->get("other", kMax), "nobody asked for");
}

TEST(RedisConnection, AnErrorIsCutForTheLog) {
  ScriptedServer server([](ScriptedServer& s) {
    if (s.hear()) s.say("-ERR " + std::string(3000, 'x') + "\r\n");
    s.hear();
  });
  EXPECT_LE(connect(server)->get("k", kMax).error().message.size(), 200u);
}

// Patience of a minute, and nobody waits for it.
TEST(RedisConnection, StoppingEndsEveryWait) {
  const milliseconds minute(60'000);
  std::atomic<bool> stop{false};
  const RedisPatience patience{
      .connecting = minute, .silence = minute, .whole = minute, .stop = [&] {
        return stop.load();
      }};
  {
    ScriptedServer silent([](ScriptedServer& s) { s.hear() && s.hear(); });
    const auto redis = connect(silent, patience);
    auto value = std::async(std::launch::async, [&] { return redis->get("k", kMax); });
    stop = true;
    expect_broken(value.get(), "stopped");
  }
  stop = false;
  ScriptedServer mute([](ScriptedServer& s) { s.hear() && s.hear(); }, false);
  auto opened = std::async(std::launch::async,
                           [&] { return RedisConnection::open(mute.address(), patience).ok(); });
  stop = true;
  EXPECT_FALSE(opened.get());
}

TEST(RedisConnection, NamesAreLookedUp) {
  ScriptedServer server([](ScriptedServer& s) {
    if (s.hear()) s.say("$1\r\nx\r\n");
    s.hear();
  });
  RedisAddress address = server.address();
  address.host = "localhost";
  auto opened = RedisConnection::open(address, {.connecting = milliseconds(60'000)});
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  address.host = "no such name";
  EXPECT_FALSE(RedisConnection::open(address, {}).ok());
}

}  // namespace
}  // namespace oc
