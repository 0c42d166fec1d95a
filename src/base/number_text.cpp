#include "base/number_text.h"

#include <array>
#include <charconv>
#include <cmath>

namespace oc {

std::string number_text(double value) {
  if (std::isnan(value)) return "null";
  if (std::isinf(value)) return value > 0 ? "1e99999" : "-1e99999";
  constexpr double kSmallest = 1e-6, kLargest = 1e16;  // that are written without an exponent
  const double size = std::abs(value);
  const bool fixed = size == 0 || (size >= kSmallest && size < kLargest);
  std::array<char, 64> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 fixed ? std::chars_format::fixed : std::chars_format::scientific)
                       .ptr;
  std::string text(buffer.data(), end);
  if (fixed) {
    if (text.find('.') == std::string::npos) text += ".0";  // a double stays one
    return text;
  }
  // 1e-07 → 1e-7, 1e+300 → 1e300
  std::size_t at = text.find('e') + 1;
  if (text[at] == '+') text.erase(at, 1);
  if (text[at] == '-') ++at;
  while (at + 1 < text.size() && text[at] == '0') text.erase(at, 1);
  return text;
}

double three_decimals(double value) {
  return std::isfinite(value) ? std::round(value * 1000) / 1000 : 0.0;
}

}  // namespace oc
