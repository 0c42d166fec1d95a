// One field of a request as a row: its name, type and bounds, and what it means. Parsers check it
// by its row, errors name the row's bounds, and docs/api.md has to say the same.
#pragma once

#include <cstddef>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace oc {

enum class FieldType {
  kAny,
  kBoolean,
  kInteger,
  kInteger64,  // any of 64 bits, with a sign or without
  kNumber,
  kString,
  kStrings,  // one, or an array of them
  kArray,
  kObject,
};

enum class FieldUse {
  kKept,      // the answer keeps to it
  kNoEffect,  // it cannot change an answer here: accepted, and told of in the warning
  kRefused,   // it would, and is not done: an error, but for null and `nothing`
};

struct Empty {  // {}, [] or ""
  bool operator==(const Empty&) const = default;
};

struct RequestField {
  // With its path; "[]" and ".*" stand for the entries of an array and of an object: "stop[]".
  std::string_view name;
  FieldType type = FieldType::kAny;
  FieldUse use = FieldUse::kKept;
  // Of a number; of the bytes of a string; of the entries of an array or object.
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool below_max = false;                         // max is too much
  std::string_view entries = {};                  // what an array or object holds: "strings"
  std::span<const std::string_view> one_of = {};  // the strings that there are; empty: any
  std::variant<std::monostate, bool, double, std::string_view, Empty> nothing = {};
  std::string_view meaning = {};

  constexpr bool bounded() const {
    return min != -std::numeric_limits<double>::infinity() ||
           max != std::numeric_limits<double>::infinity();
  }
  // The last part of its name: "include_usage".
  constexpr std::string_view key() const { return name.substr(name.rfind('.') + 1); }
  std::size_t max_size() const { return static_cast<std::size_t>(max); }
};

// How tables write their rows.
namespace field_rows {

inline constexpr double kMaxInt = std::numeric_limits<int>::max();
// JavaScript's largest, 2^53 - 1: clients write it for no limit.
inline constexpr double kMaxWhole = 9007199254740991;

constexpr RequestField kept(std::string_view name, FieldType type, std::string_view meaning) {
  return {.name = name, .type = type, .meaning = meaning};
}
constexpr RequestField within(std::string_view name, FieldType type, double min, double max,
                              std::string_view meaning, std::string_view entries = {}) {
  return {
      .name = name, .type = type, .min = min, .max = max, .entries = entries, .meaning = meaning};
}
constexpr RequestField no_effect(std::string_view name, FieldType type = FieldType::kAny) {
  return {.name = name, .type = type, .use = FieldUse::kNoEffect, .meaning = "without effect"};
}
constexpr RequestField refused(std::string_view name,
                               decltype(RequestField::nothing) nothing = {}) {
  return {.name = name, .use = FieldUse::kRefused, .nothing = nothing, .meaning = "not done"};
}

}  // namespace field_rows

// What it must be, for errors: "an integer from 1 to 128", "a string of 1 to 256 bytes". `max`
// where the row's is not all that counts.
std::string expected(const RequestField& field);
std::string expected(const RequestField& field, double max);

// Its type and bounds in a few words, for documents: "integer", "1 to 128".
std::string_view type_words(const RequestField& field);
std::string bound_words(const RequestField& field);

}  // namespace oc
