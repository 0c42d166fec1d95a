// The address of a picture in the network, as a client wrote it: read once, strictly, and written
// anew of its parts. Nothing but that is given to libcurl, so that no two parsers differ over where
// it leads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace oc {

struct RemoteUrl {
  bool https = true;
  std::string host;         // lower case; an IPv6 address without its brackets; no dot at the end
  bool is_address = false;  // `host` is one: four decimal numbers, or IPv6
  std::uint16_t port = 443;
  std::string target;  // path and query; begins with '/'

  bool has_usual_port() const { return port == (https ? 443 : 80); }
  std::string host_in_url() const;  // with brackets where it needs them
  std::string text() const;
};

inline constexpr std::size_t kMaxUrlBytes = 8192;

// An absolute URL of http or https; a fragment is dropped. kInvalidArgument: for what is none,
// bytes that are no printable ASCII, backslashes, a user or password, a host that is neither a
// plain name nor an address in its usual form (2130706433, 0x7f.1 and 127.1 are refused, and so are
// zones), port 0.
Result<RemoteUrl> parse_remote_url(std::string_view text);

// What a redirect from `base` names, absolutely or from there; errors likewise.
Result<RemoteUrl> resolve_remote_url(const RemoteUrl& base, std::string_view reference);

}  // namespace oc
