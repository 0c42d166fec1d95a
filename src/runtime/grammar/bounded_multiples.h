// Multiples of a whole number that are no longer than any JSON reader takes: rules of our own, as
// the library's have no bounds. Only for .cpp files of this room.
#pragma once

#include <cstdint>
#include <string>

namespace oc {

// So many digits at most, all below 2^53.
inline constexpr int kMultipleDigits = 15;
inline constexpr double kMultipleBound = 1e15;

struct BoundedMultiples {
  std::int64_t step = 1;
  bool negative = true, zero = true;  // may be
  auto operator<=>(const BoundedMultiples&) const = default;

  // In EBNF, one a line; the first has this name, the others' begin with it.
  std::string rules(const std::string& name) const;
};

}  // namespace oc
