// One connection to a Redis server, through hiredis. Every call waits at most its timeout. One
// thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "runtime/store/redis_address.h"

struct redisContext;
struct redisReply;

namespace oc {

class RedisConnection {
 public:
  // Connects, authenticates, chooses the database, and hears from the server that it serves.
  static Result<std::unique_ptr<RedisConnection>> open(const RedisAddress& address,
                                                       std::chrono::milliseconds connecting,
                                                       std::chrono::milliseconds each);
  ~RedisConnection();

  // Errors. kUnavailable: the connection is of no more use. kUnsupported: the server said no.
  Result<void> ping();
  // The first `most` bytes; empty: no such key.
  Result<std::string> get(const std::string& key, std::size_t most);
  Result<void> set(const std::string& key, const std::string& value, std::chrono::seconds age);

 private:
  explicit RedisConnection(redisContext* context) : context_(context) {}
  Result<std::string> ask(std::initializer_list<std::string_view> words);
  std::string reason() const;

  redisContext* context_;  // freed at the end
};

}  // namespace oc
