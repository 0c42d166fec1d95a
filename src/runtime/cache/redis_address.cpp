#include "runtime/cache/redis_address.h"

#include <fmt/format.h>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>

namespace oc {
namespace {

constexpr int kMaxDatabases = 1 << 16;

Error wrong(std::string_view why) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("must be redis://[user:password@]host:port[/db]: {}", why)};
}

// All of the text, from 0 to `max`; -1 otherwise.
int number(std::string_view text, int max) {
  int value = -1;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  return whole && value >= 0 && value <= max ? value : -1;
}

}  // namespace

std::string RedisAddress::shown() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}/{}", ipv6 ? "[" : "", host, ipv6 ? "]" : "", port, database);
}

Result<RedisAddress> parse_redis_address(std::string_view text) {
  const auto parsed = boost::urls::parse_uri(text);
  if (!parsed) return wrong("this is no such address");
  const boost::urls::url_view& url = *parsed;
  if (url.scheme() == "rediss")
    return wrong("TLS (rediss) is not built in; use a TLS tunnel such as stunnel, and redis");
  if (url.scheme() != "redis") return wrong("the scheme is another one");
  if (url.has_query() || url.has_fragment()) return wrong("there is something behind the database");
  RedisAddress address;
  address.host = url.host_address();
  if (address.host.empty()) return wrong("there is no host");
  if (url.has_port()) {
    const int port = number(std::string_view(url.port().data(), url.port().size()), 65535);
    if (port <= 0) return wrong("the port must be from 1 to 65535");
    address.port = static_cast<std::uint16_t>(port);
  }
  address.user = url.user();
  address.password = url.password();
  if (!address.user.empty() && address.password.empty()) return wrong("a user needs a password");
  if (const std::string path = url.path(); path.size() > 1) {
    address.database = number(std::string_view(path).substr(1), kMaxDatabases);
    if (address.database < 0)
      return wrong(fmt::format("the database must be from 0 to {}", kMaxDatabases));
  }
  return address;
}

}  // namespace oc
