#include "api/field.h"

#include <fmt/format.h>

#include <cmath>

namespace oc {
namespace {

constexpr double kMaxInt = std::numeric_limits<int>::max();

std::string number(double value) {
  return value == std::trunc(value) ? fmt::format("{:.0f}", value) : fmt::format("{}", value);
}

// "1 to 128", "at most 16".
std::string range(double min, double max) {
  return min > 0 ? fmt::format("{} to {}", number(min), number(max))
                 : fmt::format("at most {}", number(max));
}

std::string quoted(std::span<const std::string_view> values, std::string_view quote) {
  std::string out;
  for (std::size_t i = 0; i < values.size(); ++i)
    out += fmt::format("{}{}{}{}",
                       i == 0                   ? ""
                       : i + 1 == values.size() ? " or "
                                                : ", ",
                       quote, values[i], quote);
  return out;
}

}  // namespace

std::string expected(const RequestField& field) { return expected(field, field.max); }

std::string expected(const RequestField& field, double max) {
  if (!field.one_of.empty()) return quoted(field.one_of, "\"");
  switch (field.type) {
    case FieldType::kAny:
      return "a value";
    case FieldType::kBoolean:
      return "true or false";
    case FieldType::kInteger:
      return fmt::format("an integer from {} to {}", number(field.min), number(max));
    case FieldType::kInteger64:
      return "an integer of 64 bits";
    case FieldType::kNumber:
      return fmt::format("a number from {} to {}", number(field.min), number(max));
    case FieldType::kString:
      return field.bounded() ? fmt::format("a string of {} bytes", range(field.min, max))
                             : "a string";
    case FieldType::kStrings:
      return "a string or an array of strings";
    case FieldType::kArray:
      return field.bounded()
                 ? fmt::format("an array of {} {}", range(field.min, max), field.entries)
                 : "an array";
    case FieldType::kObject:
      return field.bounded()
                 ? fmt::format("an object of {} {}", range(field.min, max), field.entries)
                 : "an object";
  }
  return "something else";
}

std::string_view type_words(const RequestField& field) {
  switch (field.type) {
    case FieldType::kAny:
      return "any";
    case FieldType::kBoolean:
      return "boolean";
    case FieldType::kInteger:
    case FieldType::kInteger64:
      return "integer";
    case FieldType::kNumber:
      return "number";
    case FieldType::kString:
      return "string";
    case FieldType::kStrings:
      return "string or array";
    case FieldType::kArray:
      return "array";
    case FieldType::kObject:
      return "object";
  }
  return "";
}

std::string bound_words(const RequestField& field) {
  if (!field.one_of.empty()) return quoted(field.one_of, "`");
  if (field.type == FieldType::kInteger64) return "64 bits";
  if (!field.bounded()) return "";
  if (field.type == FieldType::kInteger && field.max >= kMaxInt)
    return fmt::format("{} or more", number(field.min));
  if (field.type == FieldType::kInteger || field.type == FieldType::kNumber)
    return fmt::format("{} to {}{}", number(field.min), field.below_max ? "below " : "",
                       number(field.max));
  return fmt::format("{} {}", range(field.min, field.max),
                     field.type == FieldType::kString ? "bytes" : field.entries);
}

}  // namespace oc
