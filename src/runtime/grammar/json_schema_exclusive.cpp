#include "runtime/grammar/json_schema_exclusive.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <vector>

namespace oc {
namespace {

namespace json = boost::json;

using Values = std::vector<const json::value*>;
using Types = std::vector<std::string_view>;

// What a schema says, references followed; null: it is none, or leads nowhere.
const json::object* followed(const json::value& schema, const json::object& root) {
  constexpr int kSteps = 8;
  const json::value* at = &schema;
  for (int i = 0; i < kSteps && at != nullptr && at->is_object(); ++i) {
    const json::value* reference = at->get_object().if_contains("$ref");
    if (reference == nullptr) return &at->get_object();
    if (!reference->is_string()) return nullptr;
    const std::string_view to(reference->get_string());
    at = nullptr;
    for (const std::string_view folder : {"$defs", "definitions"}) {
      const std::size_t begin = folder.size() + 3;  // "#/$defs/"
      const json::value* all = root.if_contains(folder);
      if (all != nullptr && all->is_object() && to.size() > begin && to.starts_with("#/") &&
          to.substr(2).starts_with(folder) && to[begin - 1] == '/')
        at = all->get_object().if_contains(to.substr(begin));
      if (at != nullptr) break;
    }
  }
  return nullptr;
}

// Of const and enum; none: any.
std::optional<Values> values_of(const json::object& schema) {
  if (const json::value* only = schema.if_contains("const")) return Values{only};
  const json::value* listed = schema.if_contains("enum");
  if (listed == nullptr || !listed->is_array()) return std::nullopt;
  Values out;
  for (const json::value& value : listed->get_array()) out.push_back(&value);
  return out;
}

bool is_same(const json::value& a, const json::value& b) {
  if (a.is_number() && b.is_number()) return a.to_number<double>() == b.to_number<double>();
  // Within lists and objects 1 and 1.0 are the same, too: these are taken for equal.
  if (a.is_structured() && b.is_structured()) return true;
  return a == b;
}

bool differ(const std::optional<Values>& a, const std::optional<Values>& b) {
  return a && b && std::ranges::none_of(*a, [&](const json::value* one) {
           return std::ranges::any_of(
               *b, [&](const json::value* other) { return is_same(*one, *other); });
         });
}

// Integers are numbers. Empty: any.
Types types_of(const json::object& schema) {
  Types out;
  const auto add = [&](const json::value& name) {
    if (!name.is_string()) return;
    const std::string_view text(name.get_string());
    out.push_back(text == "integer" ? "number" : text);
  };
  const json::value* type = schema.if_contains("type");
  if (type == nullptr) return out;
  if (type->is_array())
    std::ranges::for_each(type->get_array(), add);
  else
    add(*type);
  if (const json::value* nullable = schema.if_contains("nullable");
      nullable != nullptr && nullable->is_bool() && nullable->get_bool())
    out.push_back("null");
  return out;
}

bool differ(const Types& a, const Types& b) {
  return !a.empty() && !b.empty() && std::ranges::none_of(a, [&](std::string_view type) {
    return std::ranges::find(b, type) != b.end();
  });
}

// The values that an object's key may have.
std::optional<Values> values_of_key(const json::object& schema, std::string_view name,
                                    const json::object& root) {
  const json::value* properties = schema.if_contains("properties");
  if (properties == nullptr || !properties->is_object()) return std::nullopt;
  const json::value* one = properties->get_object().if_contains(name);
  const json::object* key = one == nullptr ? nullptr : followed(*one, root);
  return key == nullptr ? std::nullopt : values_of(*key);
}

// By one that `a` requires: where it is missing, the value is none of `a`.
bool told_apart_by_a_key(const json::object& a, const json::object& b, const json::object& root) {
  // What is no object has no keys.
  if (types_of(a) != Types{"object"} || types_of(b) != Types{"object"}) return false;
  const json::value* required = a.if_contains("required");
  if (required == nullptr || !required->is_array()) return false;
  return std::ranges::any_of(required->get_array(), [&](const json::value& name) {
    return name.is_string() && differ(values_of_key(a, name.get_string(), root),
                                      values_of_key(b, name.get_string(), root));
  });
}

}  // namespace

bool exclude_each_other(const json::array& schemas, const json::object& root) {
  std::vector<const json::object*> all;
  for (const json::value& schema : schemas) {
    const json::object* one = followed(schema, root);
    if (one == nullptr) return false;
    all.push_back(one);
  }
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (!differ(types_of(*all[i]), types_of(*all[j])) &&
          !differ(values_of(*all[i]), values_of(*all[j])) &&
          !told_apart_by_a_key(*all[i], *all[j], root) &&
          !told_apart_by_a_key(*all[j], *all[i], root))
        return false;
  return true;
}

}  // namespace oc
