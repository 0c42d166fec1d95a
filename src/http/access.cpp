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

// "http://localhost:5500": pages that something on this machine serves.
bool is_local_page(std::string_view origin) {
  const std::size_t scheme = origin.find("://");
  if (scheme == std::string_view::npos) return false;
  const std::string_view name = origin.substr(0, scheme);
  const std::string host = host_of(origin.substr(scheme + 3));
  return (name == "http" || name == "https") &&
         (host == "localhost" || host == "127.0.0.1" || host == "[::1]");
}

// Names of headers with commas between them.
bool is_header_list(std::string_view text) {
  return !text.empty() && text.size() <= 2048 && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == ',' || c == ' ';
  });
}

}  // namespace

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1" || address.starts_with("::ffff:127.");
}

AccessPolicy::AccessPolicy(const std::vector<std::string>& keys, std::vector<std::string> hosts,
                           std::vector<std::string> cors_origins)
    : hosts_(std::move(hosts)), cors_origins_(std::move(cors_origins)) {
  for (const std::string& key : keys) digests_.push_back(digest_of(key));
  for (std::string& host : hosts_) host = lower(host);
  for (std::string& origin : cors_origins_) origin = lower(origin);
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
  if (lower(origin) == own || is_cors_origin(origin)) return std::nullopt;
  return refuse(Refusal::kOriginNotAllowed, "web pages of other origins may not use this server");
}

bool AccessPolicy::is_cors_origin(std::string_view origin) const {
  const std::string wanted = lower(origin);
  return std::ranges::any_of(cors_origins_, [&](const std::string& allowed) {
    return allowed == "*" || allowed == wanted || (allowed == "local" && is_local_page(wanted));
  });
}

std::optional<Response> AccessPolicy::preflight(const Request& request) const {
  if (request.method != "OPTIONS" || request.header("access-control-request-method").empty() ||
      request.header("origin").empty() || !is_cors_origin(request.header("origin")))
    return std::nullopt;
  // Clients add headers of their own (openai-node: x-stainless-…); none that there are does harm.
  const std::string_view headers = request.header("access-control-request-headers");
  Response response;
  response.status = 204;
  response.content_type.clear();
  response.headers = {{"Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH"},
                      {"Access-Control-Allow-Headers",
                       is_header_list(headers) ? std::string(headers)
                                               : "authorization, content-type, x-request-id"},
                      {"Access-Control-Max-Age", "600"}};
  return response;
}

std::vector<std::pair<std::string, std::string>> AccessPolicy::cors_headers(
    const Request& request) const {
  if (cors_origins_.empty()) return {};
  std::vector<std::pair<std::string, std::string>> headers = {
      {"Vary", "Origin, Access-Control-Request-Headers"}};
  const std::string_view origin = request.header("origin");
  if (origin.empty() || !is_cors_origin(origin)) return headers;
  headers.emplace_back("Access-Control-Allow-Origin", origin);
  headers.emplace_back("Access-Control-Expose-Headers",
                       "x-request-id, x-ocellus-cache, x-should-retry, Retry-After, WWW-Authenticate");
  return headers;
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
