// The address of a picture in the network, and behind a newline where a redirect leads from there.
#include <algorithm>
#include <string>
#include <vector>

#include "base/ascii.h"
#include "base/public_address.h"
#include "runtime/sources/remote_policy.h"
#include "runtime/sources/remote_url.h"
#include "tests/fuzz/require.h"

namespace {

using oc::RemoteUrl;

bool is_same(const RemoteUrl& a, const RemoteUrl& b) {
  return a.https == b.https && a.host == b.host && a.is_address == b.is_address &&
         a.port == b.port && a.target == b.target;
}

// Nothing in what is handed on means something else to another parser.
void check(const RemoteUrl& url) {
  const std::string text = url.text();
  const auto again = oc::parse_remote_url(text);
  // Only the usual port, a default that is left out, makes it shorter.
  require(text.size() > oc::kMaxUrlBytes || (again.ok() && is_same(url, *again)));
  require(url.port != 0 && url.target.starts_with('/') && !url.host.empty());
  require(text.find('@') == text.npos || text.find('@') > text.find('/', 8));
  require(std::ranges::all_of(text,
                              [](char c) { return c > ' ' && c <= '~' && c != '\\' && c != '#'; }));
  const bool ipv6 = url.host.find(':') != url.host.npos;
  require(!ipv6 || url.is_address);
  require(std::ranges::all_of(url.host, [&](char c) {
    return oc::is_letter_or_digit(c) || c == '.' || c == '-' || c == '_' || (ipv6 && c == ':');
  }));
  // What looks like a number is an address, and one that the check of addresses understands.
  const char last = url.host.back();
  if (!ipv6 && oc::is_digit(last) && url.host.find_first_not_of("0123456789.") == url.host.npos)
    require(url.is_address);
  const oc::RemotePolicy policy(oc::RemotePolicy::Schemes::kBoth);
  const std::vector<std::string> self = {url.host};
  require(!url.is_address || policy.check_addresses(url, self).ok() ==
                                 (url.has_usual_port() && oc::is_public_address(url.host)));
  require(url.is_address || !policy.check_addresses(url, self).ok());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(data, size);
  const std::size_t line = text.find('\n');
  const auto url = oc::parse_remote_url(text.substr(0, line));
  if (!url.ok()) return 0;
  check(*url);
  if (line == text.npos) return 0;
  if (const auto to = oc::resolve_remote_url(*url, text.substr(line + 1)); to.ok()) check(*to);
  return 0;
}
