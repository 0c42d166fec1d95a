// File names in the order in which people number them.
#pragma once

#include <string_view>

namespace oc {

// By characters, but the numbers in them by their value: "frame2" before "frame10".
bool natural_less(std::string_view a, std::string_view b);

}  // namespace oc
