#include "api/config/value.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/value_from.hpp>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "api/json_fields.h"
#include "base/ascii.h"
#include "base/number_text.h"
#include "base/printable.h"
#include "base/utf8.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::size_t kLongestText = 64u << 10;
constexpr std::size_t kLongestList = 256;

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = std::min(text.find(at), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    if (end == text.size()) return parts;
    text.remove_prefix(end + 1);
  }
}

Error wrong(const Key& key, std::string_view found) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("must be {}, found {}", allowed(key), key.secret ? "something else" : found),
          ""};
}

// As people type it: a whole number without a point.
std::string typed(double number) {
  if (!std::isfinite(number)) return fmt::format("{}", number);
  std::string text = number_text(number);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

// For messages: short, in one line.
std::string shown(const json::value& value) {
  if (value.is_string()) return excerpt(std::string_view(value.get_string()));
  if (value.is_double()) return typed(value.get_double());
  if (value.is_null() || value.is_bool() || value.is_number()) return json_text(value);
  return std::string(kind_of(value));
}

// The choice as the schema spells it; any string where there are none.
std::optional<std::string> choose(const Key& key, std::string_view text) {
  if (text.size() > kLongestText || !is_utf8(text)) return std::nullopt;
  if (!key.bare.empty() && equal_ignoring_case(text, "true")) return std::string(key.bare);
  if (key.choices.empty()) return std::string(text);
  for (const std::string_view choice : split(key.choices, '|'))
    if (equal_ignoring_case(choice, text)) return std::string(choice);
  return std::nullopt;
}

std::optional<double> number_from_text(std::string_view text) {
  // Not every library has from_chars for a double (libc++ before 20). strtod alone would also take
  // white space, a plus and hexadecimal numbers.
  if (text.starts_with('+') || text.find_first_not_of("0123456789+-.eE") != text.npos)
    return std::nullopt;
  const std::string copy(text);
  char* end = nullptr;
  const double number = std::strtod(copy.c_str(), &end);
  if (copy.empty() || end != copy.c_str() + copy.size() || !std::isfinite(number))
    return std::nullopt;
  return number;
}

bool in_range(const Key& key, double number) {
  if (key.choices.empty()) return number >= key.min && number <= key.max;
  return std::ranges::any_of(split(key.choices, '|'), [&](std::string_view choice) {
    return number_from_text(choice) == number;
  });
}

// 512 and 512.0; not 512.5.
std::optional<std::int64_t> integer(const Key& key, const json::value& value) {
  if (!value.is_number()) return std::nullopt;
  const auto number = value.to_number<double>();
  if (!in_range(key, number) || number != std::floor(number)) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

Result<Value> list_from_json(const Key& key, const json::value& value) {
  if (!value.is_array()) return wrong(key, shown(value));
  const json::array& array = value.get_array();
  if (array.size() > kLongestList || (key.count != 0 && array.size() != key.count))
    return wrong(key, fmt::format("{} of them", array.size()));
  if (key.kind == Kind::kStrings) {
    std::vector<std::string> strings;
    for (const json::value& element : array) {
      if (!element.is_string()) return wrong(key, shown(element));
      strings.emplace_back(std::string_view(element.get_string()));
    }
    return Value(std::move(strings));
  }
  std::vector<std::int64_t> integers;
  for (const json::value& element : array) {
    const auto number = integer(key, element);
    if (!number) return wrong(key, shown(element));
    integers.push_back(*number);
  }
  return Value(std::move(integers));
}

// What a text says, as JSON, so that both are checked alike.
json::value json_from_text(const Key& key, std::string_view text) {
  switch (key.kind) {
    case Kind::kBool: {
      const std::string word = lower(text);
      if (word == "true" || word == "1" || word == "yes" || word == "on") return true;
      if (word == "false" || word == "0" || word == "no" || word == "off") return false;
      return json::value_from(text);
    }
    case Kind::kInteger:
    case Kind::kIntegers:
    case Kind::kNumber:
      if (const auto number = number_from_text(text)) return *number;
      return json::value_from(text);
    case Kind::kString:
    case Kind::kStrings:
      return json::value_from(text);
  }
  return nullptr;
}

}  // namespace

std::string allowed(const Key& key) {
  if (const auto choices = split(key.choices, '|'); !choices.empty())
    return fmt::format("{}{}", choices.size() > 1 ? "one of " : "", fmt::join(choices, ", "));
  switch (key.kind) {
    case Kind::kBool:
      return "true or false";
    case Kind::kInteger:
      return fmt::format("an integer from {:.0f} to {:.0f}", key.min, key.max);
    case Kind::kNumber:
      return fmt::format("a number from {} to {}", typed(key.min), typed(key.max));
    case Kind::kString:
      return fmt::format("UTF-8 text of at most {} bytes", kLongestText);
    case Kind::kStrings:
      return fmt::format("a list of at most {} texts", kLongestList);
    case Kind::kIntegers:
      return fmt::format("a list of {} from {:.0f} to {:.0f}",
                         key.count != 0 ? fmt::format("{} integers", key.count)
                                        : fmt::format("at most {} integers", kLongestList),
                         key.min, key.max);
  }
  return "something else";
}

std::string allowed_in_help(const Key& key) {
  if (!key.choices.empty()) return fmt::format("{{{}}}", fmt::join(split(key.choices, '|'), ","));
  const bool number = key.kind == Kind::kInteger || key.kind == Kind::kNumber;
  if (!number && key.kind != Kind::kIntegers) return "";
  return fmt::format("[{} - {}]", typed(key.min), typed(key.max));
}

Result<Value> value_from_json(const Key& key, const json::value& value) {
  if (value.is_null()) return Value();
  switch (key.kind) {
    case Kind::kBool:
      if (!value.is_bool()) return wrong(key, shown(value));
      return Value(value.get_bool());
    case Kind::kInteger:
      if (const auto number = integer(key, value)) return Value(*number);
      return wrong(key, shown(value));
    case Kind::kNumber:
      if (value.is_number() && in_range(key, value.to_number<double>()))
        return Value(value.to_number<double>());
      return wrong(key, shown(value));
    case Kind::kString:
      if (!value.is_string()) return wrong(key, shown(value));
      if (auto text = choose(key, std::string_view(value.get_string())))
        return Value(*std::move(text));
      return wrong(key, shown(value));
    case Kind::kStrings:
    case Kind::kIntegers:
      return list_from_json(key, value);
  }
  return Value();
}

Result<Value> value_from_text(const Key& key, std::span<const std::string> texts) {
  std::vector<std::string_view> parts;
  const bool list = key.kind == Kind::kStrings || key.kind == Kind::kIntegers;
  for (const std::string& text : texts) {
    if (text.size() > kLongestText || !is_utf8(text)) return wrong(key, excerpt(text));
    if (!list) {
      parts.assign(1, text);  // of several the last one counts
      continue;
    }
    const auto more = split(text, ',');
    parts.insert(parts.end(), more.begin(), more.end());
  }
  if (parts.size() > kLongestList) return wrong(key, fmt::format("{} of them", parts.size()));
  if (!list)
    return parts.empty() ? Result<Value>(Value())
                         : value_from_json(key, json_from_text(key, parts[0]));
  json::array array;
  for (const std::string_view part : parts) array.push_back(json_from_text(key, part));
  return value_from_json(key, array);
}

json::value to_json(const Value& value) {
  return std::visit(
      [](const auto& held) -> json::value {
        if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::monostate>)
          return nullptr;
        else
          return json::value_from(held);
      },
      value);
}

std::string to_text(const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) return "-";
  if (const auto* text = std::get_if<std::string>(&value)) return excerpt(*text);
  if (const auto* number = std::get_if<double>(&value)) return typed(*number);
  return json_text(to_json(value));
}

}  // namespace oc
