#include "base/address_range.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace oc {
namespace {

using Bytes = std::array<unsigned char, 16>;

std::optional<Bytes> bytes_of(std::string_view address, bool* is_v4) {
  const std::string text(address.substr(0, address.find('%')));
  Bytes bytes{};
  *is_v4 = ::inet_pton(AF_INET, text.c_str(), bytes.data() + 12) == 1;
  if (*is_v4) {
    bytes[10] = bytes[11] = 0xff;
    return bytes;
  }
  bytes = {};
  if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return bytes;
  return std::nullopt;
}

}  // namespace

std::optional<AddressRange> AddressRange::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  bool is_v4 = false;
  const auto bytes = bytes_of(text.substr(0, slash), &is_v4);
  if (!bytes) return std::nullopt;
  AddressRange range;
  range.bytes_ = *bytes;
  if (slash == std::string_view::npos) return range;
  const std::string_view length = text.substr(slash + 1);
  int bits = 0;
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
  if (error != std::errc() || end != length.data() + length.size() || bits < 0 ||
      bits > (is_v4 ? 32 : 128))
    return std::nullopt;
  range.bits_ = is_v4 ? bits + 96 : bits;
  return range;
}

bool AddressRange::contains(std::string_view address) const {
  bool is_v4 = false;
  const auto bytes = bytes_of(address, &is_v4);
  if (!bytes) return false;
  const auto whole = static_cast<std::size_t>(bits_ / 8);
  if (!std::equal(bytes->begin(), bytes->begin() + static_cast<std::ptrdiff_t>(whole),
                  bytes_.begin()))
    return false;
  const int rest = bits_ % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<unsigned char>(0xff << (8 - rest));
  return ((*bytes)[whole] & mask) == (bytes_[whole] & mask);
}

std::string network_of(std::string_view address) {
  bool is_v4 = false;  // also one in IPv6's way of writing it, below
  auto bytes = bytes_of(address, &is_v4);
  if (!bytes) return std::string(address);
  std::array<char, INET6_ADDRSTRLEN> text{};
  constexpr Bytes kLoopback = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  constexpr std::array<unsigned char, 12> kV4 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(kV4.begin(), kV4.end(), bytes->begin())) {
    if ((*bytes)[12] == 127) return "127.0.0.1";
    return ::inet_ntop(AF_INET, bytes->data() + 12, text.data(), text.size());
  }
  if (*bytes == kLoopback) return "127.0.0.1";
  std::fill(bytes->begin() + 8, bytes->end(), 0);
  const std::size_t zone = std::min(address.find('%'), address.size());
  ::inet_ntop(AF_INET6, bytes->data(), text.data(), text.size());
  return std::string(text.data()) + "/64" + std::string(address.substr(zone));
}

}  // namespace oc
