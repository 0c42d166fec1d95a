// One connection to a Redis server: hiredis writes commands and reads replies, what is sent and
// received is bounded here in bytes and in time, whatever the server does. One thread.
#pragma once

#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/cache/redis_address.h"

struct redisReader;

namespace oc {

struct RedisPatience {
  std::chrono::milliseconds resolving{5000};  // the host's name
  std::chrono::milliseconds connecting{250};  // with each address, and with each command then
  std::chrono::milliseconds silence{50};      // within a command
  std::chrono::milliseconds whole{500};       // a command, however often a byte comes
  // Asked some fifty times a second while the server is waited for; true: give up.
  std::function<bool()> stop = {};
};

class RedisConnection {
 public:
  // Connects, authenticates, chooses the database, and hears from the server that it serves.
  static Result<std::unique_ptr<RedisConnection>> open(const RedisAddress& address,
                                                       RedisPatience patience);
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  // Errors. kUnavailable: the connection is of no more use. kUnsupported: the server said no.
  Result<void> ping();
  // The first `max_bytes` bytes; empty: no such key.
  Result<std::string> get(const std::string& key, std::size_t max_bytes);
  Result<void> set(const std::string& key, const std::string& value, std::chrono::seconds age);

  // Bytes that have come so far.
  std::size_t received() const { return received_; }

 private:
  using Clock = std::chrono::steady_clock;

  explicit RedisConnection(RedisPatience patience);
  Result<void> connect(const RedisAddress& address);
  // `max_bytes` of the reply's text.
  Result<std::string> ask(std::initializer_list<std::string_view> words, std::size_t max_bytes);
  Result<void> send(std::string_view bytes, Clock::time_point end);
  Result<std::string> receive(std::size_t max_bytes, Clock::time_point end);
  Result<void> wait(short events, Clock::time_point end) const;

  RedisPatience patience_;
  int fd_ = -1;
  redisReader* reader_;
  std::size_t received_ = 0;
};

}  // namespace oc
