#include "http/access.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cctype>

namespace oc::http {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::array<unsigned char, 32> digest_of(std::string_view key) {
  std::array<unsigned char, 32> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  return digest;
}

// "host:port" → "host", brackets of IPv6 kept; empty when it is neither.
std::string host_of(std::string_view authority) {
  std::size_t end = authority.find(':');
  if (!authority.empty() && authority.front() == '[') {
    end = authority.find(']');
    if (end == std::string_view::npos) return {};
    ++end;
  }
  const std::string_view port = end < authority.size() ? authority.substr(end) : "";
  const bool port_ok =
      port.empty() ||
      (port.front() == ':' && port.size() <= 6 &&
       std::all_of(port.begin() + 1, port.end(), [](unsigned char c) { return std::isdigit(c); }));
  return port_ok ? lower(authority.substr(0, end)) : std::string();
}

}  // namespace

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1" || address.starts_with("::ffff:127.");
}

AccessPolicy::AccessPolicy(const std::vector<std::string>& keys, std::vector<std::string> hosts)
    : hosts_(std::move(hosts)) {
  for (const std::string& key : keys) digests_.push_back(digest_of(key));
  for (std::string& host : hosts_) host = lower(host);
}

std::optional<ApiError> AccessPolicy::check_host(const Request& request,
                                                 std::string_view local_address) const {
  const std::string host = host_of(request.authority);
  // Rebinding needs a name, so the address itself is always fine; HTTP/1.0 may leave it out.
  if (request.authority.empty() || host == "localhost" || host == "127.0.0.1" || host == "[::1]")
    return std::nullopt;
  if (host == local_address || host == "[" + std::string(local_address) + "]") return std::nullopt;
  for (const std::string& allowed : hosts_)
    if (allowed == "*" || (!host.empty() && allowed == host)) return std::nullopt;
  return refuse(Refusal::kHostNotAllowed,
                "this server does not answer to the host name of the request; if that name is "
                "yours, start it with --allow-host NAME");
}

std::optional<ApiError> AccessPolicy::check_origin(const Request& request) const {
  if (request.method == "GET" || request.method == "OPTIONS") return std::nullopt;
  const std::string_view origin = request.header("origin");
  if (origin.empty()) return std::nullopt;
  const std::string own = "http://" + lower(request.authority);
  if (lower(origin) == own) return std::nullopt;
  return refuse(Refusal::kOriginNotAllowed, "web pages of other origins may not use this server");
}

std::optional<ApiError> AccessPolicy::check_key(const Request& request) const {
  if (digests_.empty()) return std::nullopt;
  const std::string_view value = request.header("authorization");
  if (value.empty())
    return refuse(Refusal::kMissingKey, "an API key is needed: Authorization: Bearer KEY");
  std::string_view key;
  if (lower(value.substr(0, 7)) == "bearer ") key = value.substr(7);
  while (!key.empty() && key.front() == ' ') key.remove_prefix(1);
  const Digest digest = digest_of(key);
  int same = 0;  // every key is compared, so that time says nothing about which one was close
  for (const Digest& known : digests_)
    same |= CRYPTO_memcmp(known.data(), digest.data(), digest.size()) == 0 ? 1 : 0;
  if (same == 0) return refuse(Refusal::kWrongKey, "the API key is not valid");
  return std::nullopt;
}

}  // namespace oc::http
