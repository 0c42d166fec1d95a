#include "api/ollama/keep_alive.h"

#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "api/json_fields.h"
#include "base/ascii.h"

namespace oc {
namespace {

// Longer ones first where one begins as another.
constexpr std::array<std::pair<std::string_view, double>, 8> kUnits = {{{"ns", 1e-9},
                                                                        {"us", 1e-6},
                                                                        {"µs", 1e-6},
                                                                        {"μs", 1e-6},
                                                                        {"ms", 1e-3},
                                                                        {"s", 1},
                                                                        {"m", 60},
                                                                        {"h", 3600}}};

// "1", "1.5", ".5": taken off the front. Not every library has from_chars for a double.
std::optional<double> take_number(std::string_view& text) {
  double number = 0, place = 1;
  bool any = false, behind_point = false;
  while (!text.empty() && (is_digit(text.front()) || (text.front() == '.' && !behind_point))) {
    if (text.front() == '.') {
      behind_point = true;
    } else {
      any = true;
      if (behind_point) place /= 10;
      const double digit = text.front() - '0';
      number = behind_point ? number + digit * place : number * 10 + digit;
    }
    text.remove_prefix(1);
  }
  return any && std::isfinite(number) ? std::optional(number) : std::nullopt;
}

std::optional<double> seconds_of(std::string_view text) {
  const double sign = text.starts_with('-') ? -1 : 1;
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  double total = 0;
  for (bool first = true; !text.empty(); first = false) {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    if (text.empty() && first) return sign * *number;
    const auto* unit = kUnits.begin();
    while (unit != kUnits.end() && !text.starts_with(unit->first)) ++unit;
    if (unit == kUnits.end()) return std::nullopt;
    text.remove_prefix(unit->first.size());
    total += *number * unit->second;
  }
  return sign * total;
}

}  // namespace

Result<double> parse_keep_alive(const boost::json::value& value) {
  if (value.is_number()) return value.to_number<double>();
  if (!value.is_string())
    return wrong_value("keep_alive", R"(seconds, or a duration like "5m")", value);
  if (const auto seconds = seconds_of(value.get_string())) return *seconds;
  return Error{ErrorCode::kInvalidArgument,
               R"("keep_alive" must be seconds, or a duration like "5m", found another string)", "",
               "keep_alive"};
}

}  // namespace oc
