// Strings and numbers of a JSON schema.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/grammar/bounded_multiples.h"
#include "runtime/grammar/bounded_strings.h"
#include "runtime/grammar/json_schema_checker.h"
#include "runtime/grammar/json_schema_keywords.h"
#include "runtime/grammar/json_schema_pattern.h"

namespace oc {
namespace {

namespace json = boost::json;

// The library cuts a number within bounds to this many decimals.
constexpr double kGrid = 1e6;
constexpr double kMaxInteger = 9e15, kMaxNumber = 1e12;
constexpr double kMaxStep = 100;  // of multipleOf
// What things cost, as SchemaLimits::cost counts.
constexpr std::int64_t kEachStep = 20, kBoundedInteger = 150, kBoundedNumber = 300;
constexpr std::int64_t kFormat = 200, kLongFormat = 1500;  // "email", "uri"
constexpr std::int64_t kShortCharacter = 750, kBoundedString = 1200;
constexpr std::int64_t kLeastCharacter = 420, kLastOfLeast = 600;

// A short one is written out (BoundedStrings), of a longer one only what it has at least.
std::int64_t cost_of_lengths(std::int64_t least, std::int64_t most) {
  if (std::max(least, most) <= BoundedStrings::kWrittenOut)
    return kShortCharacter * std::max(least, most);
  // Of the least length the last ones cost more, and beyond 130 the library counts.
  return kBoundedString + kLeastCharacter * std::min<std::int64_t>(least, 130) +
         kLastOfLeast * std::min<std::int64_t>(least, 10);
}

}  // namespace

Result<json::object> SchemaChecker::string(const json::object& in, const std::string& path) {
  OC_ASSIGN_OR_RETURN(auto minimum, count(in, "minLength", path));
  OC_ASSIGN_OR_RETURN(auto maximum, count(in, "maxLength", path));
  if (minimum && maximum && *minimum > *maximum)
    return schema_wrong(path + ".maxLength", "is below minLength");
  json::object out = {{"type", "string"}};
  const json::value *given_pattern = in.if_contains("pattern"), *format = in.if_contains("format");
  json::value shorter;
  const json::value* pattern = given_pattern;
  if (pattern != nullptr && pattern->is_string() && (minimum || maximum)) {
    const std::string text =
        within_lengths(pattern->get_string(), minimum.value_or(0),
                       maximum.value_or(std::numeric_limits<std::int32_t>::max()));
    if (!text.empty()) {
      shorter = text;
      pattern = &shorter;
      minimum.reset();
      maximum.reset();
    }
  }
  if (format != nullptr && pattern == nullptr) {
    for (const auto& [name, shortest, longest] : kFormatLengths) {
      if (!format->is_string() || std::string_view(format->get_string()) != name) continue;
      if (minimum && *minimum <= shortest) minimum.reset();
      if (maximum && *maximum >= longest) maximum.reset();
    }
  }
  json::value own;
  if (format != nullptr && pattern == nullptr && format->is_string())
    for (const auto& [name, text] : kFormatPatterns)
      if (std::string_view(format->get_string()) == name) {
        own = text;
        pattern = &own;
        format = nullptr;
        break;
      }
  // Programs say one thing with both. The pattern is what every validator looks at.
  if (pattern != nullptr && format != nullptr) {
    const bool takes_pattern = is_enforceable(*pattern);
    not_enforced_.push_back(path + (takes_pattern ? ".format" : ".pattern"));
    (takes_pattern ? format : pattern) = nullptr;
  }
  if ((pattern != nullptr) + (format != nullptr) + (minimum || maximum) > 1)
    return schema_unsupported(path + (pattern != nullptr && own.is_null() ? ".pattern" : ".format"),
                              "cannot be enforced beside another bound on the same string",
                              "put lengths into the pattern, or keep one of them");
  if (format != nullptr) {
    if (!format->is_string() || !holds(kFormats, std::string_view(format->get_string())))
      return schema_unsupported(path + ".format",
                                fmt::format("can be enforced for {}", fmt::join(kFormats, ", ")));
    out.emplace("format", *format);
    const bool is_long = *format == "email" || *format == "uri";
    OC_RETURN_IF_ERROR(spend(out, is_long ? kLongFormat : kFormat, path));
  }
  if (pattern != nullptr) {
    const std::string param = path + ".pattern";
    if (!pattern->is_string()) return schema_wrong(param, "must be a string");
    const auto whole = read_pattern(pattern->get_string());
    if (!whole.ok())
      return schema_unsupported(param, "cannot be enforced: " + whole.error().message,
                                "docs/api.md says which patterns can");
    const PatternCost cost = cost_of_pattern(*whole);
    if (cost.places > limits_.pattern_places)
      return schema_wrong(
          param, fmt::format("has {} places when repeats are written out, at most {}", cost.places,
                             limits_.pattern_places));
    out.emplace("pattern", written_out(*whole));
    OC_RETURN_IF_ERROR(spend(out, cost.work, param));
  }
  if (minimum.value_or(0) > 0) out.emplace("minLength", *minimum);
  if (maximum) out.emplace("maxLength", *maximum);
  if (minimum.value_or(0) > 0 || maximum)
    OC_RETURN_IF_ERROR(
        spend(out, cost_of_lengths(minimum.value_or(0), maximum.value_or(-1)), path));
  return out;
}

bool SchemaChecker::is_enforceable(const json::value& pattern) const {
  if (!pattern.is_string()) return true;  // it is wrong, and told
  const auto cost = pattern_cost(pattern.get_string());
  return cost.ok() && cost->places <= limits_.pattern_places && cost->work <= limits_.cost;
}

// Bounds of an integer become integers. The library writes a number between bounds with six
// decimals at most; that one of these lies between them is seen to here.
Result<json::object> SchemaChecker::number(const json::object& in, bool integer,
                                           const std::string& path) {
  json::object out = {{"type", integer ? "integer" : "number"}};
  const double grid = integer ? 1 : kGrid;
  double low = -HUGE_VAL, high = HUGE_VAL;
  for (const std::string_view keyword :
       {"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"}) {
    const json::value* given = in.if_contains(keyword);
    if (given == nullptr) continue;
    const std::string param = path + "." + std::string(keyword);
    double bound = given->is_number() ? given->to_number<double>() : HUGE_VAL;
    const double maximum = integer ? kMaxInteger : kMaxNumber;
    // One that is further out than any number here allows less where it is further in.
    const bool outwards = (bound < 0) == keyword.ends_with("inimum");
    if (given->is_number() && outwards && std::abs(bound) > maximum)
      bound = std::copysign(maximum, bound);
    if (!(std::abs(bound) <= maximum))
      return schema_wrong(param, fmt::format("must be a number from -{0} to {0}", maximum));
    const bool lower = keyword.ends_with("inimum"), exclusive = keyword.starts_with("exclusive");
    double snapped = lower ? std::ceil(bound * grid) : std::floor(bound * grid);
    if (exclusive && snapped == bound * grid) snapped += lower ? 1 : -1;
    (lower ? low : high) = lower ? std::max(low, snapped) : std::min(high, snapped);
    if (!integer) out.emplace(keyword, bound);
  }
  if (low > high) return schema_wrong(path, "allows no number: its bounds leave none between them");
  if (in.contains("multipleOf")) return multiples(in, integer, low, high, path);
  if (integer && low > -HUGE_VAL) out.emplace("minimum", static_cast<std::int64_t>(low));
  if (integer && high < HUGE_VAL) out.emplace("maximum", static_cast<std::int64_t>(high));
  if (low > -HUGE_VAL || high < HUGE_VAL)
    OC_RETURN_IF_ERROR(spend(out, integer ? kBoundedInteger : kBoundedNumber, path));
  return out;
}

// Without bounds, or with those that BoundedMultiples knows; in_plain_form() lists what is short.
Result<json::object> SchemaChecker::multiples(const json::object& in, bool integer, double low,
                                              double high, const std::string& path) {
  const std::string param = path + ".multipleOf";
  const json::value& given = in.at("multipleOf");
  const double step = given.is_number() ? given.to_number<double>() : 0;
  if (!integer || step < 1 || step > kMaxStep || step != std::floor(step))
    return schema_unsupported(param, "can be enforced for whole numbers from 1 to 100");
  const bool open = low == -HUGE_VAL && high == HUGE_VAL;
  const bool from_zero = low > -step && low <= step;  // or from the first behind it
  if (!open && (high < kMultipleBound || !(from_zero || low <= -kMultipleBound)))
    return schema_unsupported(param,
                              "can be enforced within bounds that leave at most 1,000 values, from "
                              "0 or 1 on, and without "
                              "bounds",
                              "leave the other bounds out, and say them in the prompt");
  json::object out = {{"type", "integer"}, {"multipleOf", static_cast<std::int64_t>(step)}};
  std::int64_t cost = kEachStep * static_cast<std::int64_t>(step);
  if (!open) {
    const auto most = static_cast<std::int64_t>(kMultipleBound);
    out.emplace("minimum", low <= -kMultipleBound ? -most : std::int64_t{low > 0});
    out.emplace("maximum", most);
    cost *= 2 * kMultipleDigits;  // for their memory: they take half the time
  }
  OC_RETURN_IF_ERROR(spend(out, cost, param));
  return out;
}

}  // namespace oc
