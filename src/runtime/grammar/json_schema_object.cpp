// Objects of a JSON schema, and the keys that they may have.
#include <fmt/format.h>

#include <algorithm>

#include "io/json_text.h"
#include "runtime/grammar/json_schema_checker.h"
#include "runtime/grammar/json_schema_forms.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::int64_t kOptionalKey = 15;  // as SchemaLimits::cost counts

// Of keys that may be left out.
std::int64_t cost_of_choosing(std::int64_t keys) { return kOptionalKey * keys + keys * keys / 20; }

}  // namespace

// Of what an object's keys may be: all, or these.
Result<std::optional<json::array>> SchemaChecker::names(const json::object& in,
                                                        const std::string& path) const {
  const json::value* given = in.if_contains("propertyNames");
  if (given == nullptr || *given == true || !given->is_object())
    return std::optional<json::array>();
  const json::object& schema = given->get_object();
  const json::value *listed = schema.if_contains("enum"), *only = schema.if_contains("const");
  if (only != nullptr) return std::optional(json::array(std::size_t{1}, *only));
  if (listed == nullptr || !listed->is_array()) return std::optional<json::array>();
  OC_RETURN_IF_ERROR(alone(schema, "enum", path + ".propertyNames", {"type"}));
  return std::optional(listed->get_array());
}

// Keys that no schema names: what they look like.
Result<void> SchemaChecker::free_keys(const json::object& in, const std::string& path,
                                      json::object& out) {
  if (const json::value* given = in.if_contains("propertyNames")) {
    OC_ASSIGN_OR_RETURN(json::object key, key_schema(*given, path + ".propertyNames"));
    if (key.size() > 1) out.emplace("propertyNames", std::move(key));
  }
  const json::value* patterns = in.if_contains("patternProperties");
  if (patterns == nullptr) return {};
  const std::string param = path + ".patternProperties";
  if (!patterns->is_object() || patterns->get_object().size() != 1 || out.contains("propertyNames"))
    return schema_unsupported(param, "can be enforced for one pattern, and without propertyNames");
  const auto& member = *patterns->get_object().begin();
  OC_ASSIGN_OR_RETURN(json::object key, string({{"pattern", member.key()}}, param));
  OC_ASSIGN_OR_RETURN(json::object one,
                      schema(member.value(), param + "." + shown_key(member.key())));
  // Other keys are left out, so it is the same, and BoundedStrings makes the key's rule.
  out.emplace("propertyNames", std::move(key));
  out.emplace("additionalProperties", std::move(one));
  return {};
}

// Of any key: nothing but a type.
Result<json::object> SchemaChecker::key_schema(const json::value& given, const std::string& param) {
  if (given.is_bool() && given.get_bool()) return json::object{{"type", "string"}};
  if (!given.is_object()) return schema_unsupported(param, "allows no key");
  const json::object in = in_plain_form(given.get_object(), param, not_enforced_);
  OC_RETURN_IF_ERROR(check_keywords(in, param, false));
  OC_RETURN_IF_ERROR(alone(in, "type", param, {"pattern", "format", "minLength", "maxLength"}));
  OC_ASSIGN_OR_RETURN(const auto names, types(in, param));
  if (!names.empty() && std::ranges::find(names, "string") == names.end())
    return schema_unsupported(param, "allows no key: keys are strings");
  return string(in, param);
}

Result<void> SchemaChecker::count_keys(const json::object& in, const std::string& path,
                                       json::object& out) {
  OC_ASSIGN_OR_RETURN(const auto minimum, count(in, "minProperties", path));
  OC_ASSIGN_OR_RETURN(const auto maximum, count(in, "maxProperties", path));
  if (minimum && maximum && *minimum > *maximum)
    return schema_wrong(path + ".maxProperties", "is below minProperties");
  const auto size = [&](std::string_view key) {
    const json::value* given = out.if_contains(key);
    if (given == nullptr) return std::int64_t{0};
    return static_cast<std::int64_t>(given->is_array() ? given->get_array().size()
                                                       : given->get_object().size());
  };
  const std::int64_t named = size("properties"), required = size("required");
  // A key that is given twice counts once.
  if (named == 0 && minimum.value_or(0) > 1)
    return schema_unsupported(path + ".minProperties",
                              "can be enforced up to 1 where keys have no names");
  if (named > 0 && minimum.value_or(0) > named)
    return schema_wrong(path + ".minProperties", "is above the number of keys that are named");
  if (maximum && *maximum < required)
    return schema_wrong(path + ".maxProperties", "is below the number of required keys");
  if (minimum && *minimum > required) out.emplace("minProperties", *minimum);
  if (maximum && (named == 0 || *maximum < named)) out.emplace("maxProperties", *maximum);
  if (!out.contains("minProperties") && !out.contains("maxProperties")) return {};
  return pay(kOptionalKey * named * std::max(minimum.value_or(0), maximum.value_or(0)), path);
}

Result<json::object> SchemaChecker::object(const json::object& in, const std::string& path) {
  json::object properties;
  OC_ASSIGN_OR_RETURN(const auto allowed, names(in, path));
  const auto may_be = [&](const json::value& name) {
    return !allowed || std::ranges::find(*allowed, name) != allowed->end();
  };
  if (const json::value* given = in.if_contains("properties")) {
    if (!given->is_object()) return schema_wrong(path + ".properties", "must be an object");
    for (const auto& member : given->get_object()) {
      if (!may_be(json::value(member.key()))) continue;
      OC_ASSIGN_OR_RETURN(json::object one,
                          schema(member.value(), path + ".properties." + shown_key(member.key())));
      properties.emplace(member.key(), std::move(one));
    }
  }
  const json::value* others = in.if_contains("additionalProperties");
  const bool closed = others != nullptr && others->is_bool() && !others->get_bool();
  const auto add = [&](const json::string& name) -> Result<void> {  // as other keys are
    if (properties.contains(name)) return {};
    const json::value any = true;
    OC_ASSIGN_OR_RETURN(json::object one,
                        schema(others == nullptr ? any : *others, path + ".additionalProperties"));
    properties.emplace(name, std::move(one));
    return {};
  };
  if (allowed && !closed)
    for (const json::value& name : *allowed)
      if (name.is_string()) OC_RETURN_IF_ERROR(add(name.get_string()));
  json::array required;
  if (const json::value* given = in.if_contains("required")) {
    if (!given->is_array()) return schema_wrong(path + ".required", "must be an array of strings");
    for (const json::value& name : given->get_array()) {
      if (!name.is_string()) return schema_wrong(path + ".required", "must be an array of strings");
      if (!may_be(name) || (closed && !properties.contains(name.get_string())))
        return schema_wrong(path + ".required", "names a key that is not allowed");
      OC_RETURN_IF_ERROR(add(name.get_string()));
      if (std::ranges::find(required, name) == required.end()) required.push_back(name);
    }
  }
  json::object out = {{"type", "object"}};
  if (properties.empty()) {
    // Where the keys of a schema are named, others are left out.
    OC_RETURN_IF_ERROR(free_keys(in, path, out));
    const bool none = closed || allowed;
    if (out.contains("additionalProperties")) {
      // of patternProperties
    } else if (none || others == nullptr || others->is_bool()) {
      out.emplace("additionalProperties", !none);
    } else {
      OC_ASSIGN_OR_RETURN(json::object one, schema(*others, path + ".additionalProperties"));
      out.emplace("additionalProperties", std::move(one));
    }
    OC_RETURN_IF_ERROR(count_keys(in, path, out));
    return out;
  }
  bool limits_keys = false;
  if (const json::value* given = in.if_contains("propertyNames"); given != nullptr && !allowed) {
    OC_ASSIGN_OR_RETURN(const json::object key, key_schema(*given, path + ".propertyNames"));
    limits_keys = key.size() > 1;
  }
  for (const std::string_view key : {"patternProperties", "propertyNames"})
    if (in.contains(key) && !allowed && (key == "patternProperties" || limits_keys))
      return schema_unsupported(fmt::format("{}.{}", path, key),
                                "cannot be enforced beside named properties");
  // Where all have to be there, there is nothing to choose.
  if (required.size() < properties.size()) {
    OC_RETURN_IF_ERROR(
        pay(cost_of_choosing(static_cast<std::int64_t>(properties.size())), path + ".properties"));
    for (const auto& member : properties)
      literals_.push_back({json_text(json::value(member.key())), path + ".properties", within_});
  }
  out.emplace("properties", std::move(properties));
  if (!required.empty()) out.emplace("required", std::move(required));
  out.emplace("additionalProperties", false);
  OC_RETURN_IF_ERROR(count_keys(in, path, out));
  return out;
}

}  // namespace oc
