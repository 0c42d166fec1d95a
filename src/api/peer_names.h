// What the APIs beside a dialect's own call a field: clients that speak one of them and are pointed
// at another are told its name there.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace oc {

// The one of `names` (with their paths: "options.num_predict") that means what a peer calls `key`.
// None: no peer's name, or nothing here that means the same.
std::optional<std::string_view> peer_name(std::string_view key,
                                          std::span<const std::string_view> names);

}  // namespace oc
