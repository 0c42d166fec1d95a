// Who may ask: Host and Origin against web pages that reach for servers on the visitor's own
// machine (DNS rebinding), API keys against everybody else.
//
// Rebinding needs a name that its owner can point elsewhere, so addresses in Host are always fine.
// Behind a proxy the page's own host stands in X-Forwarded-Host, and its scheme in
// X-Forwarded-Proto: both count only where the connection comes from a trusted address, and that
// host must be one that Host could name.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/errors.h"
#include "base/address_range.h"
#include "http/types.h"

namespace oc::http {

class AccessPolicy {
 public:
  // keys: empty for none wanted. hosts: names that are allowed beside localhost and addresses; "*"
  // allows any.
  // cors_origins: whose web pages may ask and read answers, beside this server's own: "*" any,
  // "local" those of this machine at any port, or "https://example.org"; none: CORS is off.
  // proxies: addresses ("10.0.0.5", "10.0.0.0/8") that are trusted beside this machine's own.
  AccessPolicy(const std::vector<std::string>& keys, std::vector<std::string> hosts,
               std::vector<std::string> cors_origins = {},
               const std::vector<std::string>& proxies = {});

  // From now on pages of this machine that are not named may use the routes of the original's pages
  // (Route::for_guests). A file that is opened in a browser has the origin "null", as any site's
  // sandboxed frame has, so guests may not do more, and only within this machine.
  void let_guests_in() { guests_ = true; }
  // Where there are any, only they may ask for routes that are `admin`, and load models. They pass
  // where an API key is wanted, too. Before the policy is used.
  void set_admin_keys(const std::vector<std::string>& keys);

  bool has_keys() const { return !digests_.empty(); }
  // Whether X-Forwarded-… of this address ("127.0.0.1", "::1") count: `trusted` below.
  bool trusts(std::string_view peer) const;
  // Of a request whose connection comes from a trusted address: who the nearest proxy that is not
  // trusted says, or is ("203.0.113.7"). Empty where X-Forwarded-For holds no address.
  std::string forwarded_for(const Request& request) const;
  // How logs call the key that a request shows, without giving it away: the first eight digits of
  // its SHA-256, "admin:" before those of an admin key; "wrong", "guest", or "none" for none.
  std::string label(const Request& request) const;
  std::optional<ApiError> check_host(const Request& request) const;
  // Whether the request is of no web page, of one of this very server, or of cors_origins.
  bool knows_page(const Request& request, bool trusted) const;
  // Whether it is of a page that is not this very server's, cors_origins included.
  bool is_foreign_page(const Request& request, bool trusted) const {
    return !request.header("origin").empty() && !is_own_page(request, trusted);
  }
  // Whether it is of a page of this machine that is not known. loopback: the connection comes from
  // this machine.
  bool is_guest(const Request& request, bool trusted, bool loopback) const;
  // A browser names the page that asks; one that is not known may read, as far as its browser lets
  // it, and nothing else.
  std::optional<ApiError> check_origin(const Request& request, bool trusted) const;
  // The answer to a browser that asks whether a page of cors_origins, or a guest that is welcome
  // there, may ask (fetch.spec.whatwg.org, CORS-preflight); nullopt for anything else. No key is
  // wanted for it.
  std::optional<Response> preflight(const Request& request, bool welcome) const;
  // What every answer to the request says about who may read it.
  std::vector<std::pair<std::string, std::string>> cors_headers(const Request& request,
                                                                bool welcome) const;
  // "Authorization: Bearer KEY", or the KEY alone in x-api-key, api-key or x-moondream-auth. Takes
  // the same time whichever key is wrong and however.
  // `header`: how the clients of the path show one (Dialect::key_header).
  std::optional<ApiError> check_key(const Request& request,
                                    std::string_view header = kBearerKey) const;
  // Of a request that has passed check_key(), for a route that is `admin`: 401 without a key or
  // with one that nobody knows, 403 with one that may do everything else.
  std::optional<ApiError> check_admin(const Request& request) const;
  // The request may do what an operator may: it has an admin key, or none is set.
  bool is_admin(const Request& request) const;

 private:
  bool is_cors_origin(std::string_view origin) const;
  bool is_own_page(const Request& request, bool trusted) const;
  bool allows(std::string_view authority) const;

  using Digest = std::array<unsigned char, 32>;
  static bool holds(const std::vector<Digest>& keys, const Request& request);

  std::vector<Digest> digests_, admin_digests_;  // SHA-256, so that all have one length
  std::vector<std::string> hosts_, cors_origins_;
  std::vector<AddressRange> proxies_;
  bool guests_ = false;
};

// What lets a page of this origin in, for its owner: "--cors-origin https://example.org". For
// "null", which any site's sandboxed frame has, another way.
std::string how_to_name(std::string_view origin);
// Who asks, as far as the request says: the KEY of "Authorization: Bearer KEY", however that is
// spelt, else the header as it is; for a guest the page's origin as well.
std::string client_of(const Request& request);
// Whose the answers are that are kept for the request. Where the server has no keys, what a client
// shows as one is any text, and they are everybody's who knows their ids; but a guest's are its
// origin's.
std::string owner_of(const Request& request);
// Who asks, so that nobody is several by making up keys, addresses or origins: one of the server's
// keys, or the network_of() an address where it has none. All guests of either are one more.
std::string asker_of(const Request& request);
// True for 127.0.0.0/8 and ::1.
bool is_loopback(std::string_view address);

}  // namespace oc::http
