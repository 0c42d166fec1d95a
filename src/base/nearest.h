// Names that were probably mistyped.
#pragma once

#include <cstddef>
#include <string_view>

namespace oc {

// Insertions, deletions and replacements from one to the other (Levenshtein). For short names: the
// time is the product of their lengths.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace oc
