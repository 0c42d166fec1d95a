// The keywords of a JSON schema that are read here, by what they are about. Only for .cpp files of
// this room.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace oc {

// What says something to people only.
inline constexpr std::array<std::string_view, 11> kAnnotations = {
    "title",     "description", "default", "examples", "deprecated",   "readOnly",
    "writeOnly", "$comment",    "$schema", "$id",      "discriminator"};
inline constexpr std::array<std::string_view, 3> kObject = {"properties", "required",
                                                            "additionalProperties"};
inline constexpr std::array<std::string_view, 5> kArray = {"items", "prefixItems", "minItems",
                                                           "maxItems", "uniqueItems"};
inline constexpr std::array<std::string_view, 4> kString = {"minLength", "maxLength", "pattern",
                                                            "format"};
inline constexpr std::array<std::string_view, 5> kNumber = {
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"};
inline constexpr std::array<std::string_view, 7> kTypes = {"object",  "array",   "string", "number",
                                                           "integer", "boolean", "null"};
inline constexpr std::array<std::string_view, 8> kOther = {"type",  "enum",  "const", "anyOf",
                                                           "oneOf", "allOf", "$ref",  "nullable"};
// By form only: 2023-02-31 is a date.
inline constexpr std::array<std::string_view, 10> kFormats = {
    "date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"};
// x-order and the like are for the programs that made the schema.
inline bool is_annotation(std::string_view key) {
  return std::ranges::find(kAnnotations, key) != kAnnotations.end() || key.starts_with("x-");
}

template <std::size_t N>
bool holds(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace oc
