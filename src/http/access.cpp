#include "http/access.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/hex.h"
#include "http/authority.h"

namespace oc::http {
namespace {

std::array<unsigned char, 32> digest_of(std::string_view key) {
  std::array<unsigned char, 32> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(key.data()), key.size(), digest.data());
  return digest;
}

// The first of several, which is the client's side. Empty where it does not count.
std::string_view forwarded(const Request& request, std::string_view name, bool trusted) {
  if (!trusted) return {};
  std::string_view value = request.header(name);
  value = value.substr(0, value.find(','));
  while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
  return value;
}

// "Bearer KEY".
std::optional<std::string_view> key_in(std::string_view authorization) {
  if (!starts_with_ignoring_case(authorization, "bearer ")) return std::nullopt;
  std::string_view key = authorization.substr(7);
  while (!key.empty() && key.front() == ' ') key.remove_prefix(1);
  return key;
}

// Clients of Anthropic, Azure and Moondream have headers of their own for the key, which some send
// empty where there is none. They count where there is no Authorization; the first that is not
// empty.
constexpr std::array<std::string_view, 3> kKeyAlone = {"x-api-key", "api-key", "x-moondream-auth"};

std::string_view key_alone(const Request& request) {
  for (const std::string_view name : kKeyAlone)
    if (const std::string_view key = request.header(name); !key.empty()) return key;
  return {};
}

// What the client shows as its key; of another scheme than Bearer: `otherwise`.
std::string_view shown_key(const Request& request, std::string_view otherwise) {
  const std::string_view authorization = request.header("authorization");
  return authorization.empty() ? key_alone(request) : key_in(authorization).value_or(otherwise);
}

bool shows_no_key(const Request& request) {
  return request.header("authorization").empty() && key_alone(request).empty();
}

// "203.0.113.7:4711" and "[2001:db8::1]:4711", as some proxies have it, without port and brackets.
std::string_view without_port(std::string_view address) {
  if (address.starts_with('[')) {
    const std::size_t end = address.find(']');
    return end == std::string_view::npos ? address : address.substr(1, end - 1);
  }
  const std::size_t colon = address.find(':');
  return colon != std::string_view::npos && address.find(':', colon + 1) == std::string_view::npos
             ? address.substr(0, colon)
             : address;
}

// Names of headers with commas between them.
bool is_header_list(std::string_view text) {
  return !text.empty() && text.size() <= 2048 && std::ranges::all_of(text, [](char c) {
    return is_letter_or_digit(c) || c == '-' || c == '_' || c == ',' || c == ' ';
  });
}

}  // namespace

std::string how_to_name(std::string_view origin) {
  if (origin == "null")
    return "serve the page over http, e.g. at http://localhost:PORT, and name that with "
           "--cors-origin";
  return fmt::format("--cors-origin {}", origin);
}

namespace {

std::string with_origin(const Request& request, std::string_view key) {
  return request.guest ? fmt::format("guest {} {}", request.header("origin"), key)
                       : std::string(key);
}

}  // namespace

std::string client_of(const Request& request) {
  return with_origin(request, shown_key(request, request.header("authorization")));
}

std::string owner_of(const Request& request) {
  return request.keyed ? client_of(request) : with_origin(request, "");
}

std::string asker_of(const Request& request) {
  std::string who =
      request.keyed ? std::string(shown_key(request, "")) : network_of(request.address);
  return request.guest ? "guest " + who : who;
}

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1" || address.starts_with("::ffff:127.");
}

AccessPolicy::AccessPolicy(const std::vector<std::string>& keys, std::vector<std::string> hosts,
                           std::vector<std::string> cors_origins,
                           const std::vector<std::string>& proxies)
    : hosts_(std::move(hosts)), cors_origins_(std::move(cors_origins)) {
  for (const std::string& key : keys) digests_.push_back(digest_of(key));
  for (std::string& host : hosts_) host = lower(host);
  for (std::string& origin : cors_origins_) origin = lower(origin);
  for (const std::string& text : proxies)
    if (const auto range = AddressRange::parse(text)) proxies_.push_back(*range);
}

bool AccessPolicy::trusts(std::string_view peer) const {
  return is_loopback(peer) ||
         std::ranges::any_of(proxies_, [&](const auto& one) { return one.contains(peer); });
}

// Each proxy appends the address that it was asked from, so what stands before the first that is
// not trusted may be anybody's invention.
std::string AccessPolicy::forwarded_for(const Request& request) const {
  std::string all;  // several such headers are one list, in their order
  for (const auto& [name, value] : request.headers)
    if (equal_ignoring_case(name, "x-forwarded-for")) all += (all.empty() ? "" : ",") + value;
  std::string_view rest = all;
  std::string found;
  while (!rest.empty()) {
    const std::size_t comma = rest.rfind(',');
    std::string_view last = comma == std::string_view::npos ? rest : rest.substr(comma + 1);
    while (!last.empty() && last.front() == ' ') last.remove_prefix(1);
    while (!last.empty() && last.back() == ' ') last.remove_suffix(1);
    last = without_port(last);
    if (last.find_first_of("/%") != std::string_view::npos || !AddressRange::parse(last)) break;
    found = last;
    if (!trusts(last) || comma == std::string_view::npos) break;
    rest = rest.substr(0, comma);
  }
  return found;
}

std::string AccessPolicy::label(const Request& request) const {
  if (shows_no_key(request)) return request.guest ? "guest" : "none";
  const bool admin = holds(admin_digests_, request);
  if (!admin && !holds(digests_, request)) return has_keys() ? "wrong" : "none";
  const Digest digest = digest_of(shown_key(request, ""));
  return (admin ? "admin:" : "") + to_hex({reinterpret_cast<const char*>(digest.data()), 4});
}

bool AccessPolicy::allows(std::string_view authority) const {
  const auto host = parse_authority(authority);
  if (!host) return false;
  return host->is_address() || host->host == "localhost" ||
         std::ranges::any_of(hosts_, [&](const std::string& allowed) {
           return allowed == "*" || allowed == host->host;
         });
}

std::optional<ApiError> AccessPolicy::check_host(const Request& request) const {
  // HTTP/1.0 may leave it out.
  if (request.authority.empty() || allows(request.authority)) return std::nullopt;
  return refuse(Refusal::kHostNotAllowed,
                "this server does not answer to the host name of the request; if that name is "
                "yours, start it with --allow-host NAME");
}

// Both schemes of its host, unless a proxy says which one it is.
bool AccessPolicy::is_own_page(const Request& request, bool trusted) const {
  const auto page = parse_origin(request.header("origin"));
  if (!page) return false;
  const std::string_view forwarded_host = forwarded(request, "x-forwarded-host", trusted);
  const auto server_authority =
      parse_authority(forwarded_host.empty() ? request.authority : forwarded_host);
  if (!server_authority || server_authority->host != page->authority.host) return false;
  if (!forwarded_host.empty() && !allows(forwarded_host))
    return false;  // else a rebound name would come in here
  const std::string scheme = lower(forwarded(request, "x-forwarded-proto", trusted));
  if (!scheme.empty() && scheme != (page->https ? "https" : "http")) return false;
  return server_authority->port.value_or(page->https ? 443 : 80) == page->port();
}

bool AccessPolicy::knows_page(const Request& request, bool trusted) const {
  const std::string_view origin = request.header("origin");
  return origin.empty() || is_own_page(request, trusted) || is_cors_origin(origin);
}

bool AccessPolicy::is_guest(const Request& request, bool trusted, bool loopback) const {
  if (!guests_ || !loopback || knows_page(request, trusted)) return false;
  // A proxy on this machine passes on what comes from elsewhere.
  for (const std::string_view name : {"forwarded", "via", "x-forwarded-for", "x-forwarded-host",
                                      "x-forwarded-proto", "x-real-ip"})
    if (!request.header(name).empty()) return false;
  const auto host = parse_authority(request.authority);
  if (!host || !host->is_this_machine()) return false;
  const std::string_view origin = request.header("origin");
  const auto page = parse_origin(origin);
  return origin == "null" || (page && page->authority.is_this_machine());
}

std::optional<ApiError> AccessPolicy::check_origin(const Request& request, bool trusted) const {
  if (request.method == "GET" || request.method == "OPTIONS" || knows_page(request, trusted))
    return std::nullopt;
  const std::string_view origin = request.header("origin");
  const auto page = parse_origin(origin);
  const bool plain = origin == "null" || (page && origin.size() <= 256);
  const std::string name = plain ? std::string(origin) : "ORIGIN";
  std::string message =
      fmt::format("web pages of {} may not use this server; if the page is yours, {}",
                  plain ? name : "other origins",
                  (origin == "null" ? "" : "start it with ") + how_to_name(name));
  if (const auto forwarded_host = parse_authority(request.header("x-forwarded-host"));
      forwarded_host && page && forwarded_host->host == page->authority.host)
    message += trusted ? ", or with --allow-host " + forwarded_host->host
                       : ", or with --trust-proxy and the address of the proxy that it is behind";
  return refuse(Refusal::kOriginNotAllowed, std::move(message));
}

bool AccessPolicy::is_cors_origin(std::string_view origin) const {
  const std::string wanted = lower(origin);
  return std::ranges::any_of(cors_origins_, [&](const std::string& allowed) {
    if (allowed == "*" || allowed == wanted) return true;
    const auto page = allowed == "local" ? parse_origin(wanted) : std::nullopt;
    return page && page->authority.is_this_machine();  // "http://localhost:5500"
  });
}

std::optional<Response> AccessPolicy::preflight(const Request& request, bool welcome) const {
  const std::string_view origin = request.header("origin");
  if (request.method != "OPTIONS" || request.header("access-control-request-method").empty() ||
      origin.empty() || !(welcome || is_cors_origin(origin)))
    return std::nullopt;
  // Clients add headers of their own (openai-node: x-stainless-…); none that there are does harm.
  const std::string_view headers = request.header("access-control-request-headers");
  Response response;
  response.status = 204;
  response.content_type.clear();
  response.headers = {{"Access-Control-Allow-Methods",
                       welcome ? "GET, HEAD, POST" : "GET, HEAD, POST, PATCH, DELETE"},
                      {"Access-Control-Allow-Headers",
                       is_header_list(headers) ? std::string(headers)
                                               : "authorization, content-type, x-request-id"},
                      {"Access-Control-Max-Age", "600"}};
  return response;
}

std::vector<std::pair<std::string, std::string>> AccessPolicy::cors_headers(const Request& request,
                                                                            bool welcome) const {
  if (cors_origins_.empty() && !guests_) return {};
  std::vector<std::pair<std::string, std::string>> headers = {
      {"Vary", "Origin, Access-Control-Request-Headers"}};
  const std::string_view origin = request.header("origin");
  if (origin.empty() || !(welcome || is_cors_origin(origin))) return headers;
  headers.emplace_back("Access-Control-Allow-Origin", origin);
  headers.emplace_back("Access-Control-Expose-Headers",
                       "x-request-id, x-ocellus-cache, x-should-retry, Retry-After, "
                       "WWW-Authenticate");
  return headers;
}

void AccessPolicy::set_admin_keys(const std::vector<std::string>& keys) {
  for (const std::string& key : keys) admin_digests_.push_back(digest_of(key));
}

bool AccessPolicy::holds(const std::vector<Digest>& keys, const Request& request) {
  const Digest digest = digest_of(shown_key(request, ""));
  int same = 0;  // every key is compared, so that time says nothing about which one was close
  for (const Digest& known : keys)
    same |= CRYPTO_memcmp(known.data(), digest.data(), digest.size()) == 0 ? 1 : 0;
  return same != 0;
}

std::optional<ApiError> AccessPolicy::check_key(const Request& request,
                                                std::string_view header) const {
  if (digests_.empty()) return std::nullopt;
  if (shows_no_key(request))
    return refuse(Refusal::kMissingKey, fmt::format("an API key is needed: {}", header));
  const bool api = holds(digests_, request), admin = holds(admin_digests_, request);
  if (!api && !admin && !key_in(request.header("authorization")) &&
      !request.header("authorization").empty())
    return refuse(Refusal::kWrongKey,
                  fmt::format("\"Bearer \" is missing before the key: {}", header));
  if (!api && !admin)
    return refuse(Refusal::kWrongKey,
                  "the API key is none of this server's: send one that it was started with "
                  "(--api-key, OCELLUS_API_KEY or its configuration)");
  return std::nullopt;
}

bool AccessPolicy::is_admin(const Request& request) const {
  return admin_digests_.empty() || holds(admin_digests_, request);
}

std::optional<ApiError> AccessPolicy::check_admin(const Request& request) const {
  if (is_admin(request)) return std::nullopt;
  constexpr std::string_view kHint =
      "Authorization: Bearer KEY with one of the server's admin keys (--admin-key)";
  if (shows_no_key(request))
    return refuse(Refusal::kMissingKey, fmt::format("an admin key is needed: {}", kHint));
  if (!holds(digests_, request))
    return refuse(Refusal::kWrongKey, fmt::format("this is no admin key: {}", kHint));
  return refuse(Refusal::kNotAdmin,
                fmt::format("this API key may ask, but not change the server: {}", kHint));
}

}  // namespace oc::http
