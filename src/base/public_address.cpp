#include "base/public_address.h"

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "base/address_range.h"
#include "base/check.h"

namespace oc {
namespace {

std::vector<AddressRange> ranges(std::initializer_list<std::string_view> texts) {
  std::vector<AddressRange> out;
  for (const std::string_view text : texts) {
    const auto range = AddressRange::parse(text);
    OC_CHECK(range.has_value(), "{} is no range", text);
    out.push_back(*range);
  }
  return out;
}

bool in_any(const std::vector<AddressRange>& ranges, std::string_view address) {
  return std::ranges::any_of(ranges,
                             [&](const AddressRange& range) { return range.contains(address); });
}

bool is_public_v4(std::string_view address) {
  static const std::vector<AddressRange> special = ranges({
      "0.0.0.0/8",        // this network
      "10.0.0.0/8",       // private
      "100.64.0.0/10",    // shared by a provider's customers
      "127.0.0.0/8",      // this machine
      "168.63.129.16",    // the host of a machine in Azure, with its metadata
      "169.254.0.0/16",   // link; metadata of clouds
      "172.16.0.0/12",    // private
      "192.0.0.0/24",     // protocols
      "192.0.2.0/24",     // documentation
      "192.88.99.0/24",   // 6to4 relays
      "192.168.0.0/16",   // private
      "198.18.0.0/15",    // benchmarks
      "198.51.100.0/24",  // documentation
      "203.0.113.0/24",   // documentation
      "224.0.0.0/4",      // multicast
      "240.0.0.0/4",      // reserved, broadcast
  });
  static const AddressRange all = ranges({"0.0.0.0/0"}).front();
  return all.contains(address) && !in_any(special, address);
}

// Only 2000::/3 is given out to be reached; all else, 64:ff9b::/96 and fc00::/7 among it, is not.
bool is_public_v6(std::string_view address) {
  static const AddressRange unicast = ranges({"2000::/3"}).front();
  static const std::vector<AddressRange> special = ranges({
      "2001::/23",      // protocols; 2001::/32 (Teredo) and 2001:20::/28 lie in it
      "2001:db8::/32",  // documentation
      "2002::/16",      // 6to4: an IPv4 address
      "3fff::/20",      // documentation
  });
  return unicast.contains(address) && !in_any(special, address);
}

}  // namespace

bool is_public_address(std::string_view address) {
  if (address.find('%') != address.npos) return false;
  return address.find(':') == address.npos ? is_public_v4(address) : is_public_v6(address);
}

}  // namespace oc
