#include "runtime/grammar/json_schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "io/json_text.h"
#include "runtime/grammar/json_schema_checker.h"
#include "runtime/grammar/json_schema_exclusive.h"
#include "runtime/grammar/json_schema_forms.h"
#include "runtime/grammar/json_schema_keywords.h"

namespace oc {
namespace {

namespace json = boost::json;
using Names = std::span<const std::string_view>;

// What things cost, as SchemaLimits::cost counts.
constexpr std::int64_t kEachSchema = 10, kCountedArray = 100;
constexpr std::size_t kAlikeWork = 200;  // of AlikeCost, for one

std::string hint_for(std::string_view keyword) {
  if (keyword == "allOf") return "merge its parts into one schema";
  return "leave it out and say it in the prompt (docs/api.md lists what is enforced)";
}

}  // namespace

Result<void> SchemaChecker::one_more(const std::string& path) {
  if (++schemas_ <= limits_.schemas) return pay(kEachSchema, path);
  return schema_wrong(path, fmt::format("brings the schema above {} sub-schemas", limits_.schemas));
}

Result<json::object> SchemaChecker::schema(const json::value& value, const std::string& path,
                                           bool root) {
  OC_RETURN_IF_ERROR(one_more(path));
  if (value.is_bool() && value.get_bool()) return json::object();
  if (value.is_bool()) return schema_unsupported(path, "is false: no value can be given");
  if (!value.is_object()) return schema_wrong(path, "must be a JSON schema: an object");
  const json::object in = in_plain_form(value.get_object(), path, not_enforced_);
  OC_RETURN_IF_ERROR(check_keywords(in, path, root));
  if (in.contains("$ref")) return reference(in, path);
  if (in.contains("const")) return values(in, "const", path);
  if (in.contains("enum")) return values(in, "enum", path);
  for (const std::string_view keyword : {"anyOf", "oneOf"})
    if (in.contains(keyword)) return any_of(in, path, keyword);
  if (const json::value* all = in.if_contains("allOf")) {
    OC_RETURN_IF_ERROR(alone(in, "allOf", path));
    if (!all->is_array() || all->get_array().size() != 1)
      return schema_unsupported(path + ".allOf", "can be enforced for exactly one schema",
                                hint_for("allOf"));
    return schema(all->get_array()[0], path + ".allOf[0]");
  }
  OC_ASSIGN_OR_RETURN(const auto names, types(in, path));
  if (names.empty()) return json::object();
  if (names.size() == 1) return of_type(in, names[0], path);
  json::array options;
  for (const std::string& name : names) {
    OC_ASSIGN_OR_RETURN(json::object one, of_type(in, name, path));
    options.emplace_back(std::move(one));
  }
  return json::object{{"anyOf", std::move(options)}};
}

Result<void> SchemaChecker::check_keywords(const json::object& in, const std::string& path,
                                           bool root) const {
  for (const auto& member : in) {
    const std::string_view key = member.key();
    if (key == "$defs" || key == "definitions") {
      if (!root)
        return schema_unsupported(path + "." + shown_key(key), "must stand at the schema's root");
      continue;
    }
    if (is_annotation(key) || holds(kOther, key) || holds(kObject, key) || holds(kArray, key) ||
        holds(kString, key) || holds(kNumber, key))
      continue;
    return schema_unsupported(path + "." + shown_key(key), "is not a keyword that can be enforced",
                              hint_for(key));
  }
  return {};
}

// Nothing but annotations (and definitions) may stand beside `keyword`.
Result<void> SchemaChecker::alone(const json::object& in, std::string_view keyword,
                                  const std::string& path,
                                  std::initializer_list<std::string_view> allowed_too) const {
  for (const auto& member : in) {
    const std::string_view key = member.key();
    if (key == keyword || std::ranges::find(allowed_too, key) != allowed_too.end() ||
        is_annotation(key) || key == "$defs" || key == "definitions")
      continue;
    return schema_unsupported(path + "." + shown_key(key),
                              fmt::format("cannot be enforced beside \"{}\"", keyword),
                              "put it inside, or leave it out");
  }
  return {};
}

Result<json::object> SchemaChecker::reference(const json::object& in, const std::string& path) {
  OC_RETURN_IF_ERROR(alone(in, "$ref", path));
  const json::value& to = in.at("$ref");
  const std::string param = path + ".$ref";
  if (!to.is_string()) return schema_wrong(param, "must be a string");
  refs_.push_back({std::string(to.get_string()), param});
  return json::object{{"$ref", to}};
}

Result<json::object> SchemaChecker::values(const json::object& in, std::string_view keyword,
                                           const std::string& path) {
  OC_RETURN_IF_ERROR(alone(in, keyword, path, {"type", "nullable"}));
  const std::string param = path + "." + std::string(keyword);
  json::array all = {in.at(keyword)};
  if (keyword == "enum") {
    if (!in.at("enum").is_array() || in.at("enum").get_array().empty())
      return schema_wrong(param, "must be an array with at least one value");
    all = in.at("enum").get_array();
  }
  enum_values_ += all.size();
  if (enum_values_ > limits_.enum_values)
    return schema_wrong(param,
                        fmt::format("brings the schema above {} values", limits_.enum_values));
  OC_ASSIGN_OR_RETURN(const auto names, types(in, path));
  for (const json::value& value : all) {
    if (!is_exact(value))
      return schema_unsupported(param, "holds an integer above 64 bits with a sign");
    if (!names.empty() &&
        std::ranges::none_of(names, [&](const auto& name) { return fits_type(value, name); }))
      return schema_wrong(param, "holds a value that \"type\" does not allow");
    std::string text = json_text(value);
    OC_RETURN_IF_ERROR(pay(1 + static_cast<std::int64_t>(text.size() / 8), param));
    literals_.push_back({std::move(text), param, within_});
  }
  return json::object{{"enum", std::move(all)}};
}

// A oneOf, where it is the same.
Result<json::object> SchemaChecker::any_of(const json::object& in, const std::string& path,
                                           std::string_view keyword) {
  OC_RETURN_IF_ERROR(alone(in, keyword, path));
  const std::string param = fmt::format("{}.{}", path, keyword);
  if (!in.at(keyword).is_array() || in.at(keyword).get_array().empty())
    return schema_wrong(param, "must be an array with at least one schema");
  const json::array& all = in.at(keyword).get_array();
  if (all.size() > limits_.options)
    return schema_wrong(param, fmt::format("has more than {} schemas", limits_.options));
  if (keyword == "oneOf" && !exclude_each_other(all, *root_))
    return schema_unsupported(
        param,
        "can be enforced where its schemas exclude each other: by their types, or "
        "by a required key with a const or an enum",
        "use anyOf");
  json::array options;
  for (const json::value& option : all) {
    OC_ASSIGN_OR_RETURN(json::object one,
                        schema(option, fmt::format("{}[{}]", param, options.size())));
    options.emplace_back(std::move(one));
  }
  return json::object{{"anyOf", std::move(options)}};
}

// None: any type. Without "type", what the other keywords are about.
Result<std::vector<std::string>> SchemaChecker::types(const json::object& in,
                                                      const std::string& path) const {
  const std::string param = path + ".type";
  std::vector<std::string> names;
  if (const json::value* type = in.if_contains("type")) {
    const json::array listed =
        type->is_array() ? type->get_array() : json::array(std::size_t{1}, *type);
    for (const json::value& name : listed) {
      if (!name.is_string() || !holds(kTypes, std::string_view(name.get_string())))
        return schema_wrong(param,
                            "must be object, array, string, number, integer, boolean or null");
      names.emplace_back(name.get_string());
    }
    if (names.empty()) return schema_wrong(param, "must not be empty");
    if (const json::value* nullable = in.if_contains("nullable")) {  // OpenAPI's
      if (!nullable->is_bool()) return schema_wrong(path + ".nullable", "must be true or false");
      if (nullable->get_bool() && std::ranges::find(names, "null") == names.end())
        names.emplace_back("null");
    }
    return names;
  }
  const auto any_in = [&](Names keywords) {
    return std::ranges::any_of(keywords, [&](std::string_view key) { return in.contains(key); });
  };
  if (any_in(kObject)) names.emplace_back("object");
  if (any_in(kArray)) names.emplace_back("array");
  if (any_in(kString)) names.emplace_back("string");
  if (any_in(kNumber)) names.emplace_back("number");
  if (names.size() > 1)
    return schema_wrong(param, "is missing: the keywords are about several types");
  return names;
}

Result<json::object> SchemaChecker::of_type(const json::object& in, const std::string& type,
                                            const std::string& path) {
  if (type == "object") return object(in, path);
  if (type == "array") return array(in, path);
  if (type == "string") return string(in, path);
  if (type == "number" || type == "integer") return number(in, type == "integer", path);
  return json::object{{"type", type}};
}

Result<json::object> SchemaChecker::array(const json::object& in, const std::string& path) {
  if (const json::value* unique = in.if_contains("uniqueItems");
      unique != nullptr && (!unique->is_bool() || unique->get_bool()))
    return schema_unsupported(path + ".uniqueItems", "cannot be enforced", hint_for("uniqueItems"));
  OC_ASSIGN_OR_RETURN(const auto minimum, count(in, "minItems", path));
  OC_ASSIGN_OR_RETURN(const auto maximum, count(in, "maxItems", path));
  if (minimum && maximum && *minimum > *maximum)
    return schema_wrong(path + ".maxItems", "is below minItems");
  json::object out = {{"type", "array"}};
  std::int64_t first = 0;
  if (const json::value* given = in.if_contains("prefixItems")) {
    const std::string param = path + ".prefixItems";
    if (!given->is_array() || given->get_array().empty())
      return schema_wrong(param, "must be an array with at least one schema");
    json::array prefix;
    for (const json::value& item : given->get_array()) {
      OC_ASSIGN_OR_RETURN(json::object one,
                          schema(item, fmt::format("{}[{}]", param, prefix.size())));
      prefix.emplace_back(std::move(one));
    }
    first = static_cast<std::int64_t>(prefix.size());
    if (maximum && *maximum < first)
      return schema_unsupported(path + ".maxItems",
                                "below the number of prefixItems cannot be enforced");
    out.emplace("prefixItems", std::move(prefix));
  }
  json::value items = json::object();
  // As with keys: what nobody named is left out.
  if (first > 0 && minimum.value_or(0) <= first) items = false;
  if (const json::value* given = in.if_contains("items")) {
    if (given->is_bool() && !given->get_bool()) {
      if (minimum.value_or(0) > first)
        return schema_wrong(path + ".minItems", "is above what items allow");
      items = false;
    } else {
      OC_ASSIGN_OR_RETURN(json::object one, schema(*given, path + ".items"));
      items = std::move(one);
    }
  }
  out.emplace("items", std::move(items));
  if (minimum.value_or(0) > 0) out.emplace("minItems", *minimum);
  if (maximum) out.emplace("maxItems", *maximum);
  if (minimum.value_or(0) > 0 || maximum) OC_RETURN_IF_ERROR(spend(out, kCountedArray, path));
  return out;
}

Result<void> SchemaChecker::spend(const json::object& bounded, std::int64_t cost,
                                  const std::string& path) {
  if (!bounded_.insert(json_text(bounded)).second) return {};
  return pay(cost, path);
}

Result<void> SchemaChecker::pay(std::int64_t cost, const std::string& path) {
  cost_ += cost;
  if (cost_ <= limits_.cost) return {};
  return schema_wrong(
      path, fmt::format("makes the schema too costly: patterns, bounded lengths, counts and "
                        "values (docs/grammar.md) add up to {}, at most {}",
                        cost_, limits_.cost));
}

Result<std::optional<std::int64_t>> SchemaChecker::count(const json::object& in,
                                                         std::string_view keyword,
                                                         const std::string& path) const {
  const json::value* given = in.if_contains(keyword);
  if (given == nullptr) return std::optional<std::int64_t>();
  const double value = given->is_number() ? given->to_number<double>() : -1;
  if (value < 0 || value > static_cast<double>(limits_.max_count) || value != std::floor(value))
    return schema_wrong(path + "." + std::string(keyword),
                        fmt::format("must be an integer from 0 to {}", limits_.max_count));
  return std::optional<std::int64_t>(static_cast<std::int64_t>(value));
}

Result<EnforceableSchema> SchemaChecker::run(const json::value& root, const std::string& path) {
  if (json_text(root).size() > limits_.bytes)
    return schema_wrong(path, fmt::format("is longer than {} bytes", limits_.bytes));
  if (!root.is_object()) return schema_wrong(path, "must be an object");
  root_ = &root.get_object();
  OC_ASSIGN_OR_RETURN(json::object out, schema(root, path, true));
  for (const std::string_view folder : {"$defs", "definitions"}) {
    const json::value* given = root.get_object().if_contains(folder);
    if (given == nullptr) continue;
    const std::string param = path + "." + std::string(folder);
    if (!given->is_object()) return schema_wrong(param, "must be an object");
    json::object definitions;
    for (const auto& member : given->get_object()) {
      const std::string name(member.key());
      if (name.empty() || name.find_first_of("/~%") != name.npos)
        return schema_wrong(param, "holds a name that is empty or has one of / ~ % in it");
      within_ = fmt::format("#/{}/{}", folder, name);
      OC_ASSIGN_OR_RETURN(json::object one, schema(member.value(), param + "." + shown_key(name)));
      definitions.emplace(name, std::move(one));
    }
    out.emplace(folder, std::move(definitions));
  }
  OC_RETURN_IF_ERROR(check_references(out, refs_, path));
  OC_RETURN_IF_ERROR(check_alike(literals_, refs_, limits_));
  const AlikeCost alike = alike_cost(std::move(literals_), refs_);
  OC_RETURN_IF_ERROR(pay(static_cast<std::int64_t>(alike.work() / kAlikeWork), path));
  return EnforceableSchema{json_text(out), std::move(not_enforced_), cost_};
}

Result<EnforceableSchema> enforceable_schema(const json::value& schema, const std::string& path,
                                             const SchemaLimits& limits) {
  return SchemaChecker(limits).run(schema, path);
}

}  // namespace oc
