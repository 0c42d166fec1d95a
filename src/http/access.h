// Who may ask: Host and Origin against web pages that reach for servers on the visitor's own
// machine (DNS rebinding), API keys against everybody else.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/errors.h"
#include "http/types.h"

namespace oc::http {

class AccessPolicy {
 public:
  // keys: empty for none wanted. hosts: names that are allowed beside localhost, 127.0.0.1, [::1]
  // and the address at which the connection arrived; "*" allows any.
  // cors_origins: whose web pages may ask and read answers, beside this server's own: "*" any,
  // "local" those of this machine at any port, or "https://example.org"; none: CORS is off.
  AccessPolicy(const std::vector<std::string>& keys, std::vector<std::string> hosts,
               std::vector<std::string> cors_origins = {});

  bool has_keys() const { return !digests_.empty(); }
  // local_address: the server's end of the connection ("127.0.0.1", "::1").
  std::optional<ApiError> check_host(const Request& request, std::string_view local_address) const;
  // A browser names the page that asks; only pages from this very server and of cors_origins may.
  std::optional<ApiError> check_origin(const Request& request) const;
  // The answer to a browser that asks whether a page of cors_origins may ask
  // (fetch.spec.whatwg.org, CORS-preflight); nullopt for anything else. It carries no key.
  std::optional<Response> preflight(const Request& request) const;
  // What every answer to the request says about who may read it.
  std::vector<std::pair<std::string, std::string>> cors_headers(const Request& request) const;
  // "Authorization: Bearer KEY". Takes the same time whichever key is wrong and however.
  std::optional<ApiError> check_key(const Request& request) const;

 private:
  bool is_cors_origin(std::string_view origin) const;

  using Digest = std::array<unsigned char, 32>;
  std::vector<Digest> digests_;  // SHA-256, so that all have one length
  std::vector<std::string> hosts_, cors_origins_;
};

// True for 127.0.0.0/8 and ::1.
bool is_loopback(std::string_view address);

}  // namespace oc::http
