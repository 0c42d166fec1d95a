#include "runtime/grammar/json_schema_forms.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <cmath>
#include <optional>
#include <utility>

#include "runtime/grammar/json_schema_keywords.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMaxMultiples = 1000;

void rename(json::object& in, std::string_view from, std::string_view to) {
  json::value* given = in.if_contains(from);
  if (given == nullptr) return;
  json::value moved = std::move(*given);
  in.erase(from);
  if (!in.contains(to)) in.emplace(to, std::move(moved));
}

// Before 2020 a list of schemas in "items" was what "prefixItems" is now.
void take_old_tuple(json::object& in) {
  const json::value* items = in.if_contains("items");
  if (items == nullptr || !items->is_array() || in.contains("prefixItems")) return;
  const bool none = items->get_array().empty();
  rename(in, "items", "prefixItems");
  if (none) in.erase("prefixItems");
  rename(in, "additionalItems", "items");
}

// All that there is to be evaluated stands in the same schema.
void take_unevaluated(json::object& in) {
  for (const std::string_view applicator : {"anyOf", "oneOf", "allOf", "$ref", "if", "not"})
    if (in.contains(applicator)) return;
  rename(in, "unevaluatedProperties", "additionalProperties");
  rename(in, "unevaluatedItems", "items");
}

// JSON schema counts formats that it does not define, and what is said of a string's content,
// among what is told to people.
void drop_told(json::object& in, const std::string& path, std::vector<std::string>& not_enforced) {
  for (const std::string_view key : kContent)
    if (in.erase(key) > 0) not_enforced.push_back(fmt::format("{}.{}", path, key));
  json::value* format = in.if_contains("format");
  if (format == nullptr || !format->is_string()) return;
  const std::string_view name(format->get_string());
  for (const auto& [wide, narrow] : kWiderFormats)
    if (name == wide) {
      *format = narrow;
      return;
    }
  if (holds(kFormats, name) || holds(kOtherFormats, name)) return;
  // Beside a pattern it is told where that is chosen.
  if (!in.contains("pattern")) not_enforced.push_back(path + ".format");
  if (!in.contains("pattern")) in.erase("format");
}

std::optional<std::int64_t> whole(const json::object& in, std::string_view name) {
  const json::value* given = in.if_contains(name);
  if (given == nullptr || !given->is_number()) return std::nullopt;
  const auto value = given->to_number<double>();
  if (std::abs(value) > 9e15 || value != std::floor(value)) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

// What is a multiple of a whole number is a whole number; between bounds there are so many of them.
void list_multiples(json::object& in) {
  const auto step = whole(in, "multipleOf");
  const json::value* type = in.if_contains("type");
  if (!step || *step < 1 || type == nullptr || (*type != "integer" && *type != "number")) return;
  in["type"] = "integer";
  if (*step == 1) in.erase("multipleOf");
  const auto low = whole(in, "minimum"), high = whole(in, "maximum");
  if (*step == 1 || !low || !high || in.contains("exclusiveMinimum") ||
      in.contains("exclusiveMaximum") || in.contains("enum") || in.contains("const"))
    return;
  const auto round = [&](std::int64_t value) { return value - ((value % *step) + *step) % *step; };
  const std::int64_t first = round(*low + *step - 1), last = round(*high);
  if (first > last || (last - first) / *step >= kMaxMultiples) return;
  json::array values;
  for (std::int64_t value = first; value <= last; value += *step) values.emplace_back(value);
  for (const std::string_view key : {"multipleOf", "minimum", "maximum"}) in.erase(key);
  in["enum"] = std::move(values);
}

bool add_to(json::object& all, std::string_view key, const json::value& value) {
  json::value* there = all.if_contains(key);
  if (there == nullptr) {
    all.emplace(key, value);
    return true;
  }
  if (*there == value || is_annotation(key)) return true;
  if (key == "required" && there->is_array() && value.is_array()) {
    for (const json::value& name : value.get_array()) there->get_array().push_back(name);
    return true;
  }
  if (key != "properties" || !there->is_object() || !value.is_object()) return false;
  return std::ranges::all_of(value.get_object(), [&](const auto& member) {
    const auto [at, is_new] = there->get_object().insert(member);
    return is_new || at->value() == member.value();
  });
}

// What says the same wherever in an "allOf" it stands. "additionalProperties" and "items" do not:
// they are about what their own part does not name.
bool stands_alone(std::string_view key) {
  constexpr std::array<std::string_view, 8> kAlone = {"type",     "properties",   "required",
                                                      "minItems", "maxItems",     "minProperties",
                                                      "nullable", "maxProperties"};
  return holds(kAlone, key) || holds(kString, key) || holds(kNumber, key) || is_annotation(key);
}

// Parts that say different things are one schema; others are left to be refused.
void merge_all_of(json::object& in) {
  const json::value* parts = in.if_contains("allOf");
  if (parts == nullptr || !parts->is_array() || parts->get_array().empty()) return;
  json::object all = in;
  all.erase("allOf");
  const bool single =
      parts->get_array().size() == 1 && std::ranges::all_of(all, [](const auto& m) {
        return is_annotation(m.key()) || m.key() == "$defs" || m.key() == "definitions";
      });
  if (single || std::ranges::any_of(all, [](const auto& member) {
        const std::string_view key = member.key();
        return !stands_alone(key) && key != "unevaluatedProperties" && key != "$defs" &&
               key != "definitions";
      }))
    return;
  for (const json::value& part : parts->get_array()) {
    if (!part.is_object()) return;
    for (const auto& member : part.get_object()) {
      if (!stands_alone(member.key()) || !add_to(all, member.key(), member.value())) return;
    }
  }
  in = std::move(all);
}

}  // namespace

json::object in_plain_form(const json::object& schema, const std::string& path,
                           std::vector<std::string>& not_enforced) {
  json::object in = schema;
  merge_all_of(in);
  take_old_tuple(in);
  take_unevaluated(in);
  drop_told(in, path, not_enforced);
  list_multiples(in);
  return in;
}

}  // namespace oc
