// Which addresses of the network the server asks for pictures. It stands within its owner's network
// and is told by strangers whom to ask: only the public internet is asked, by the usual ports,
// unless the owner names more.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address_range.h"
#include "runtime/sources/remote_url.h"

namespace oc {

// The hint of a refusal.
inline constexpr std::string_view kSendThePicture =
    "send the picture itself as data:image/...;base64,...";

class RemotePolicy {
 public:
  enum class Schemes { kNone, kHttps, kBoth };

  explicit RemotePolicy(Schemes schemes = Schemes::kNone) : schemes_(schemes) {}

  // "10.1.0.0/16", "192.168.1.5", "fd00::/8", or a host's name, which then may lead anywhere.
  // False: it is none of them.
  bool allow(std::string_view range_or_host);

  bool fetches() const { return schemes_ != Schemes::kNone; }
  // Before anybody is asked: kInvalidArgument.
  Result<void> check_scheme(const RemoteUrl& url) const;
  // What its host's name led to, or the address that it is: every one of them must do, or none is
  // asked. kInvalidArgument.
  Result<void> check_addresses(const RemoteUrl& url, std::span<const std::string> found) const;

 private:
  bool is_allowed(std::string_view address) const;

  Schemes schemes_;
  std::vector<AddressRange> ranges_;
  std::vector<std::string> hosts_;
};

}  // namespace oc
