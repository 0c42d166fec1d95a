// What somebody probably meant who typed a name that there is not.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace oc {

// The name that is nearest: one letter more, less or another, or two changed about, for each three
// letters of the word, and at least one. Empty: none is near. Case does not matter.
std::string nearest_name(std::string_view word, std::span<const std::string> names);

}  // namespace oc
