// Where a Redis server is, as people write it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace oc {

struct RedisAddress {
  std::string host;
  std::uint16_t port = 6379;
  std::string user, password;  // empty: none
  int database = 0;

  std::string shown() const;  // "host:6379/0", without the password
};

// redis://[[user]:password@]host[:port][/db]. kInvalidArgument reads on from a key's name: `must be
// redis://…`; it never quotes the text, which may hold a password.
Result<RedisAddress> parse_redis_address(std::string_view url);

}  // namespace oc
