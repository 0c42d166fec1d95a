#include "base/natural_order.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/ascii.h"

namespace oc {
namespace {

// The digits of the number that begins there, without leading zeros, and where it ends.
std::pair<std::string_view, std::size_t> number_at(std::string_view text, std::size_t at) {
  const std::size_t end = text.find_first_not_of("0123456789", at);
  const std::string_view digits = text.substr(at, end - at);
  return {digits.substr(std::min(digits.find_first_not_of('0'), digits.size())),
          at + digits.size()};
}

}  // namespace

bool natural_less(std::string_view a, std::string_view b) {
  std::size_t i = 0, k = 0;
  while (i < a.size() && k < b.size()) {
    if (is_digit(a[i]) && is_digit(b[k])) {
      const auto [left, behind_left] = number_at(a, i);
      const auto [right, behind_right] = number_at(b, k);
      if (left.size() != right.size()) return left.size() < right.size();
      if (left != right) return left < right;
      i = behind_left;
      k = behind_right;
      continue;
    }
    if (a[i] != b[k]) return a[i] < b[k];
    ++i;
    ++k;
  }
  return a.size() < b.size();
}

}  // namespace oc
