// Who may ask: Host and Origin against web pages that reach for servers on the visitor's own
// machine (DNS rebinding), API keys against everybody else.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/errors.h"
#include "http/types.h"

namespace oc::http {

class AccessPolicy {
 public:
  // keys: empty for none wanted. hosts: names that are allowed beside localhost, 127.0.0.1, [::1]
  // and the address at which the connection arrived; "*" allows any.
  AccessPolicy(const std::vector<std::string>& keys, std::vector<std::string> hosts);

  bool has_keys() const { return !digests_.empty(); }
  // local_address: the server's end of the connection ("127.0.0.1", "::1").
  std::optional<ApiError> check_host(const Request& request, std::string_view local_address) const;
  // A browser names the page that asks; only pages from this very server may.
  std::optional<ApiError> check_origin(const Request& request) const;
  // "Authorization: Bearer KEY". Takes the same time whichever key is wrong and however.
  std::optional<ApiError> check_key(const Request& request) const;

 private:
  using Digest = std::array<unsigned char, 32>;
  std::vector<Digest> digests_;  // SHA-256, so that all have one length
  std::vector<std::string> hosts_;
};

// True for 127.0.0.0/8 and ::1.
bool is_loopback(std::string_view address);

}  // namespace oc::http
