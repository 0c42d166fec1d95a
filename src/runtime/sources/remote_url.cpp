#include "runtime/sources/remote_url.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/ascii.h"

namespace oc {
namespace {

Error wrong(std::string_view what, std::string_view hint) {
  return {ErrorCode::kInvalidArgument, std::string(what), std::string(hint)};
}

// As WHATWG's URL standard has it, a host whose last label is a number is an IPv4 address, of
// whatever form.
bool ends_in_a_number(std::string_view host) {
  const std::string_view last = host.substr(host.rfind('.') + 1);
  if (last.empty()) return false;
  if (starts_with_ignoring_case(last, "0x")) return true;
  return std::ranges::all_of(last, is_digit);
}

bool is_ipv4(const std::string& host) {
  in_addr address{};
  if (::inet_pton(AF_INET, host.c_str(), &address) != 1) return false;
  // Not every library refuses zeros in front, which others read as octal.
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &address, text.data(), text.size());
  return host == text.data();
}

bool is_name(std::string_view host) {
  const bool letters = std::ranges::all_of(
      host, [](char c) { return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.'; });
  return letters && !host.empty() && host.size() <= 253 && !host.starts_with('.') &&
         !host.ends_with('.') && host.find("..") == host.npos;
}

Result<void> take_host(std::string_view written, RemoteUrl& out) {
  if (written.starts_with('[') && written.ends_with(']')) {
    out.host = lower(written.substr(1, written.size() - 2));  // without the ']'
    in6_addr address{};
    out.is_address = true;
    if (::inet_pton(AF_INET6, out.host.c_str(), &address) == 1) return {};
    return wrong("its host is no IPv6 address", "[2001:db8::1], without a zone");
  }
  if (written.ends_with('.')) written.remove_suffix(1);
  out.host = lower(written);
  if (!is_name(out.host))
    return wrong("its host is no plain name",
                 "letters, digits, '-' and '.'; other letters as xn--…");
  if (!ends_in_a_number(out.host)) return {};
  out.is_address = true;
  if (is_ipv4(out.host)) return {};
  return wrong("its host is no IPv4 address in the usual form",
               "four decimal numbers, as in 192.0.2.1");
}

Result<void> take_port(std::string_view text, RemoteUrl& out) {
  if (text.empty()) return {};  // the usual one
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, out.port);
  if (error == std::errc() && end == last && out.port != 0) return {};
  return wrong("its port is none", "a number from 1 to 65535");
}

}  // namespace

std::string RemoteUrl::host_in_url() const {
  return host.find(':') == host.npos ? host : fmt::format("[{}]", host);
}

std::string RemoteUrl::text() const {
  std::string out = fmt::format("http{}://{}", https ? "s" : "", host_in_url());
  if (!has_usual_port()) out += fmt::format(":{}", port);
  return out + target;
}

// Not by Boost.URL: it takes http://1.2.3.4.example.org/ for the host 1.2.3.4.
Result<RemoteUrl> parse_remote_url(std::string_view text) {
  if (text.size() > kMaxUrlBytes)
    return wrong(fmt::format("the address has more than {} bytes", kMaxUrlBytes),
                 "send the picture itself as data:image/...;base64,...");
  RemoteUrl out;
  out.https = starts_with_ignoring_case(text, "https:");
  if (!out.https && !starts_with_ignoring_case(text, "http:"))
    return wrong("the address is none of https", "https://HOST/PATH");
  text.remove_prefix(text.find(':') + 1);
  // Browsers read a backslash as '/', others do not.
  const bool plain =
      std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~' && c != '\\'; });
  if (!plain || !text.starts_with("//"))
    return wrong("the address is no URL",
                 "https://HOST/PATH; spaces and other letters stand there as %20 and the like");
  text.remove_prefix(2);
  const std::string_view authority = text.substr(0, text.find_first_of("/?#"));
  if (authority.find('@') != authority.npos)
    return wrong("the address has a user or a password in it", "they are not sent anywhere");
  const std::size_t colon =
      authority.find(':', authority.starts_with('[') ? authority.find(']') : 0);
  OC_RETURN_IF_ERROR(take_host(authority.substr(0, colon), out));
  out.port = out.https ? 443 : 80;
  if (colon != authority.npos) {
    OC_RETURN_IF_ERROR(take_port(authority.substr(colon + 1), out));
  }
  out.target = text.substr(authority.size(), text.find('#') - authority.size());
  if (!out.target.starts_with('/')) out.target.insert(0, 1, '/');
  return out;
}

Result<RemoteUrl> resolve_remote_url(const RemoteUrl& base, std::string_view reference) {
  const std::size_t colon = reference.find_first_of(":/?#");
  if (colon != reference.npos && reference[colon] == ':') return parse_remote_url(reference);
  const std::string scheme = base.https ? "https:" : "http:";
  if (reference.starts_with("//")) return parse_remote_url(scheme + std::string(reference));
  RemoteUrl root = base;
  root.target.clear();
  const std::string_view path = std::string_view(base.target).substr(0, base.target.find('?'));
  std::string_view kept = path.substr(0, path.rfind('/') + 1);
  if (reference.starts_with('/')) kept = {};
  if (reference.starts_with('?')) kept = path;
  if (reference.starts_with('#')) kept = base.target;
  return parse_remote_url(root.text() + std::string(kept) + std::string(reference));
}

}  // namespace oc
