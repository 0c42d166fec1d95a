#include "http/authority.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/ascii.h"
#include "base/hex.h"

namespace oc::http {
namespace {

// unreserved, sub-delims and escapes of RFC 3986.
bool is_name(std::string_view text) {
  const auto hex = [&](std::size_t at) { return at < text.size() && hex_digit(text[at]) >= 0; };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%' && (!hex(i + 1) || !hex(i + 2))) return false;
    if (!is_letter_or_digit(c) &&
        std::string_view("-._~!$&'()*+,;=%").find(c) == std::string_view::npos)
      return false;
  }
  return !text.empty();
}

std::optional<std::string> ipv6(std::string_view text) {
  in6_addr address{};
  std::array<char, INET6_ADDRSTRLEN> usual{};
  if (::inet_pton(AF_INET6, std::string(text).c_str(), &address) != 1 ||
      ::inet_ntop(AF_INET6, &address, usual.data(), usual.size()) == nullptr)
    return std::nullopt;
  return "[" + std::string(usual.data()) + "]";
}

bool is_ipv4(const std::string& text) {
  in_addr address{};
  return ::inet_pton(AF_INET, text.c_str(), &address) == 1;
}

}  // namespace

bool Authority::is_this_machine() const {
  return host == "localhost" || host == "[::1]" ||
         (kind == Kind::kIpv4 && host.starts_with("127."));
}

std::optional<Authority> parse_authority(std::string_view text) {
  // inet_pton() reads up to a zero byte.
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  Authority out;
  std::string_view after_host;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    auto address = ipv6(text.substr(1, end - 1));
    if (!address) return std::nullopt;
    out.host = *std::move(address);
    out.kind = Authority::Kind::kIpv6;
    after_host = text.substr(end + 1);
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    if (!is_name(text.substr(0, colon))) return std::nullopt;
    out.host = lower(text.substr(0, colon));
    if (is_ipv4(out.host)) out.kind = Authority::Kind::kIpv4;
    after_host = text.substr(colon);
  }
  if (after_host.empty() || after_host == ":") return out;  // RFC 3986 lets a port be empty
  if (after_host.front() != ':') return std::nullopt;
  after_host.remove_prefix(1);
  std::uint16_t port = 0;
  const auto [end, error] =
      std::from_chars(after_host.data(), after_host.data() + after_host.size(), port);
  if (error != std::errc() || end != after_host.data() + after_host.size()) return std::nullopt;
  out.port = port;
  return out;
}

std::optional<Origin> parse_origin(std::string_view text) {
  const std::size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;
  const std::string name = lower(text.substr(0, scheme));
  if (name != "http" && name != "https") return std::nullopt;
  auto authority = parse_authority(text.substr(scheme + 3));
  if (!authority) return std::nullopt;
  return Origin{name == "https", *std::move(authority)};
}

}  // namespace oc::http
