// Hosts with ports, as they stand in targets, in Host and in Origin (RFC 3986, 3.2; RFC 6454, 6.1).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace oc::http {

struct Authority {
  enum class Kind { kName, kIpv4, kIpv6 };
  Kind kind = Kind::kName;
  std::string host;  // in lower case, an IPv6 address in brackets and in its usual form
  std::optional<std::uint16_t> port;

  bool is_address() const { return kind != Kind::kName; }
  // localhost, 127.0.0.0/8, [::1]
  bool is_this_machine() const;
};
// Nothing where it is malformed; a name of no letters is.
std::optional<Authority> parse_authority(std::string_view text);

// Where a web page comes from.
struct Origin {
  bool https = false;
  Authority authority;

  std::uint16_t port() const { return authority.port.value_or(https ? 443 : 80); }
};
// Nothing for "null", and for what is neither http:// nor https://.
std::optional<Origin> parse_origin(std::string_view text);

}  // namespace oc::http
