// A range of network addresses: "10.0.0.0/8", "fd00::/8", or a single one, "192.168.1.5".
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace oc {

class AddressRange {
 public:
  // Nothing where the text is neither an address nor one with a prefix's length behind it.
  static std::optional<AddressRange> parse(std::string_view text);
  // False for what is no address. An IPv4 address is the same in IPv6's way of writing it
  // (::ffff:10.0.0.1), and a zone ("fe80::1%eth0") plays no part.
  bool contains(std::string_view address) const;

 private:
  std::array<unsigned char, 16> bytes_{};  // as IPv6
  int bits_ = 128;                         // that count
};

// Who stands behind an address, so that nobody is several who has many: an IPv4 address by itself,
// however it is written; of IPv6 its /64 ("2001:db8:0:1::/64"), which is the least that a household
// gets, with the zone that it may have; "127.0.0.1" for all of this machine's loopback. What is no
// address stays as it is.
std::string network_of(std::string_view address);

}  // namespace oc
