#include "runtime/sources/remote_policy.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/public_address.h"

namespace oc {
namespace {

std::string or_allow_it() {
  return std::string(kSendThePicture) +
         ", or start the server with --remote-images-allow HOST if the host is yours";
}

}  // namespace

bool RemotePolicy::allow(std::string_view range_or_host) {
  if (const auto range = AddressRange::parse(range_or_host)) {
    ranges_.push_back(*range);
    return true;
  }
  const auto url = parse_remote_url("https://" + std::string(range_or_host));
  // Nothing but a host: neither port nor path, nor a form that the parser puts right.
  if (!url.ok() || url->is_address || url->host != lower(range_or_host)) return false;
  hosts_.push_back(url->host);
  return true;
}

bool RemotePolicy::is_allowed(std::string_view address) const {
  return std::ranges::any_of(ranges_,
                             [&](const AddressRange& range) { return range.contains(address); });
}

Result<void> RemotePolicy::check_scheme(const RemoteUrl& url) const {
  if (schemes_ == Schemes::kBoth || (schemes_ == Schemes::kHttps && url.https)) return {};
  return Error{ErrorCode::kInvalidArgument, "pictures are fetched by https only",
               "https://…, or start the server with --allow-remote-images=http"};
}

Result<void> RemotePolicy::check_addresses(const RemoteUrl& url,
                                           std::span<const std::string> found) const {
  if (std::ranges::find(hosts_, url.host) != hosts_.end()) return {};
  const bool named =
      std::ranges::all_of(found, [&](const std::string& one) { return is_allowed(one); });
  if (named && !found.empty()) return {};
  if (!url.has_usual_port())
    return Error{ErrorCode::kInvalidArgument, "pictures are fetched from the usual port only",
                 or_allow_it()};
  const bool open = std::ranges::all_of(
      found, [&](const std::string& one) { return is_public_address(one) || is_allowed(one); });
  if (open && !found.empty()) return {};
  // Where a name leads within the owner's network is nobody's matter.
  return Error{ErrorCode::kInvalidArgument, "its host is not in the public internet",
               or_allow_it()};
}

}  // namespace oc
