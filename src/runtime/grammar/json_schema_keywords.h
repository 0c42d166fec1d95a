// The keywords of a JSON schema that are read here, by what they are about. Only for .cpp files of
// this room.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

namespace oc {

// What says something to people only.
inline constexpr std::array<std::string_view, 11> kAnnotations = {
    "title",     "description", "default", "examples", "deprecated",   "readOnly",
    "writeOnly", "$comment",    "$schema", "$id",      "discriminator"};
inline constexpr std::array<std::string_view, 7> kObject = {
    "properties",    "required",      "additionalProperties", "patternProperties",
    "propertyNames", "minProperties", "maxProperties"};
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
// The library's dates have a 31st of February, its addresses leading zeros, its names of hosts any
// length.
#define OC_DATE                                                  \
  R"([1-9]\d{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|)" \
  R"((?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8])))"
#define OC_TIME                                            \
  R"((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6}){0,1})" \
  R"((?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d))"
#define OC_LABEL R"([a-z0-9]{1,12}(?:-[a-z0-9]{1,12}){0,1})"
#define OC_BYTE R"((?:25[0-5]|2[0-4]\d|1\d\d|[1-9]{0,1}\d))"
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kFormatPatterns = {{
    {"date", "^" OC_DATE "$"},
    {"time", "^" OC_TIME "$"},
    {"date-time", "^" OC_DATE "T" OC_TIME "$"},
    {"hostname", "^" OC_LABEL R"((?:\.)" OC_LABEL "){0,2}$"},
    {"ipv4", "^" OC_BYTE R"(\.)" OC_BYTE R"(\.)" OC_BYTE R"(\.)" OC_BYTE "$"},
}};
#undef OC_DATE
#undef OC_TIME
#undef OC_LABEL
#undef OC_BYTE
inline constexpr std::array<std::string_view, 10> kFormats = {
    "date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"};
// The shortest and the longest text of a format, where it has such bounds.
struct FormatLengths {
  std::string_view name;
  std::int64_t shortest, longest;
};
inline constexpr std::array<FormatLengths, 7> kFormatLengths = {{
    {"uuid", 36, 36},
    {"date", 10, 10},
    {"ipv4", 7, 15},
    {"ipv6", 2, 45},
    {"email", 3, 1'000'000},
    {"uri", 3, 1'000'000},
    {"date-time", 20, 1'000'000},
}};
// Those that JSON schema defines beside them: they are refused, or a narrower one is kept.
inline constexpr std::array<std::string_view, 4> kOtherFormats = {"uri-template", "json-pointer",
                                                                  "relative-json-pointer", "regex"};
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kWiderFormats = {{
    {"uri-reference", "uri"},
    {"iri", "uri"},
    {"iri-reference", "uri"},
    {"idn-email", "email"},
    {"idn-hostname", "hostname"},
    {"ipvanyaddress", "ipv4"},
}};
inline constexpr std::array<std::string_view, 3> kContent = {"contentEncoding", "contentMediaType",
                                                             "contentSchema"};
// x-order and the like are for the programs that made the schema.
inline bool is_annotation(std::string_view key) {
  return std::ranges::find(kAnnotations, key) != kAnnotations.end() || key.starts_with("x-");
}

template <std::size_t N>
bool holds(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace oc
