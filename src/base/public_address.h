// Whether an address belongs to the public internet, or to this machine, its network or nobody.
#pragma once

#include <string_view>

namespace oc {

// False for all that IANA's registries of special-purpose addresses (RFC 6890 and its followers)
// keep from being reached by everybody: this machine (127.0.0.0/8, ::1, 0.0.0.0), private networks
// (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7), what is shared by a provider
// (100.64.0.0/10), the link (169.254.0.0/16, fe80::/10), multicast, documentation; for every way of
// writing an IPv4 address as IPv6 (::ffff:0:0/96, 64:ff9b::/96, 2002::/16, 2001::/32), whatever it
// holds; and for what is no address, or one with a zone.
bool is_public_address(std::string_view address);

}  // namespace oc
