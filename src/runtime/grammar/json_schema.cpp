#include "runtime/grammar/json_schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "io/json_text.h"
#include "runtime/grammar/json_schema_exclusive.h"
#include "runtime/grammar/json_schema_keywords.h"

namespace oc {
namespace {

namespace json = boost::json;
using Names = std::span<const std::string_view>;

// The library cuts a number within bounds to this many decimals.
constexpr double kGrid = 1e6;
constexpr double kMaxInteger = 9e15, kMaxNumber = 1e12;
// JavaScript's largest integer, which its programs write where there is no bound.
constexpr double kNoBound = 9007199254740991;
constexpr std::int64_t kPlateau = 200;      // beyond, a longer string costs no more
constexpr std::int64_t kCountedArray = 10;  // what one costs, in places of a string
constexpr double kMaxStep = 100;            // of multipleOf; it costs as many places

Error wrong(const std::string& param, std::string_view what) {
  return {ErrorCode::kInvalidArgument, fmt::format("\"{}\" {}", param, what), "", param};
}
Error unsupported(const std::string& param, std::string_view what, std::string hint = "") {
  return {ErrorCode::kUnsupported, fmt::format("\"{}\" {}", param, what), std::move(hint), param};
}

std::string hint_for(std::string_view keyword) {
  if (keyword == "allOf") return "merge its parts into one schema";
  return "leave it out and say it in the prompt (docs/api.md lists what is enforced)";
}

class Checker {
 public:
  explicit Checker(const SchemaLimits& limits) : limits_(limits) {}

  Result<std::string> run(const json::value& root, const std::string& path);

 private:
  Result<json::object> schema(const json::value& value, const std::string& path, bool root = false);
  Result<void> one_more(const std::string& path);
  Result<void> check_keywords(const json::object& in, const std::string& path, bool root) const;
  Result<void> alone(const json::object& in, std::string_view keyword, const std::string& path,
                     std::string_view allowed_too = "") const;
  Result<json::object> reference(const json::object& in, const std::string& path);
  Result<json::object> values(const json::object& in, std::string_view keyword,
                              const std::string& path);
  Result<json::object> any_of(const json::object& in, const std::string& path,
                              std::string_view keyword);
  Result<std::vector<std::string>> types(const json::object& in, const std::string& path) const;
  Result<json::object> of_type(const json::object& in, const std::string& type,
                               const std::string& path);
  Result<json::object> object(const json::object& in, const std::string& path);
  Result<json::object> array(const json::object& in, const std::string& path);
  Result<json::object> string(const json::object& in, const std::string& path);
  Result<json::object> number(const json::object& in, bool integer, const std::string& path);
  Result<std::optional<std::int64_t>> count(const json::object& in, std::string_view keyword,
                                            const std::string& path) const;
  bool is_enforceable(const json::value& pattern) const;
  Result<void> spend(const json::object& bounded, std::int64_t weight, const std::string& path);

  const SchemaLimits& limits_;
  const json::object* root_ = nullptr;
  std::size_t schemas_ = 0, enum_values_ = 0;
  std::int64_t weight_ = 0;
  std::set<std::string> bounded_;  // strings that are paid for
  std::vector<SchemaReference> refs_;
  std::vector<SchemaLiteral> literals_;
  std::string within_ = "#";  // as references name it
};

Result<void> Checker::one_more(const std::string& path) {
  if (++schemas_ <= limits_.schemas) return {};
  return wrong(path, fmt::format("brings the schema above {} sub-schemas", limits_.schemas));
}

Result<json::object> Checker::schema(const json::value& value, const std::string& path, bool root) {
  OC_RETURN_IF_ERROR(one_more(path));
  if (value.is_bool() && value.get_bool()) return json::object();
  if (value.is_bool()) return unsupported(path, "is false: no value can be given");
  if (!value.is_object()) return wrong(path, "must be a JSON schema: an object");
  const json::object& in = value.get_object();
  OC_RETURN_IF_ERROR(check_keywords(in, path, root));
  if (in.contains("$ref")) return reference(in, path);
  if (in.contains("const")) return values(in, "const", path);
  if (in.contains("enum")) return values(in, "enum", path);
  for (const std::string_view keyword : {"anyOf", "oneOf"})
    if (in.contains(keyword)) return any_of(in, path, keyword);
  if (const json::value* all = in.if_contains("allOf")) {
    OC_RETURN_IF_ERROR(alone(in, "allOf", path));
    if (!all->is_array() || all->get_array().size() != 1)
      return unsupported(path + ".allOf", "can be enforced for exactly one schema",
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

Result<void> Checker::check_keywords(const json::object& in, const std::string& path,
                                     bool root) const {
  for (const auto& member : in) {
    const std::string_view key = member.key();
    if (key == "$defs" || key == "definitions") {
      if (!root) return unsupported(path + "." + shown_key(key), "must stand at the schema's root");
      continue;
    }
    if (is_annotation(key) || holds(kOther, key) || holds(kObject, key) || holds(kArray, key) ||
        holds(kString, key) || holds(kNumber, key))
      continue;
    return unsupported(path + "." + shown_key(key), "is not a keyword that can be enforced",
                       hint_for(key));
  }
  return {};
}

// Nothing but annotations (and definitions) may stand beside `keyword`.
Result<void> Checker::alone(const json::object& in, std::string_view keyword,
                            const std::string& path, std::string_view allowed_too) const {
  for (const auto& member : in) {
    const std::string_view key = member.key();
    if (key == keyword || key == allowed_too || is_annotation(key) || key == "$defs" ||
        key == "definitions")
      continue;
    return unsupported(path + "." + shown_key(key),
                       fmt::format("cannot be enforced beside \"{}\"", keyword),
                       "put it inside, or leave it out");
  }
  return {};
}

Result<json::object> Checker::reference(const json::object& in, const std::string& path) {
  OC_RETURN_IF_ERROR(alone(in, "$ref", path));
  const json::value& to = in.at("$ref");
  const std::string param = path + ".$ref";
  if (!to.is_string()) return wrong(param, "must be a string");
  refs_.push_back({std::string(to.get_string()), param});
  return json::object{{"$ref", to}};
}

Result<json::object> Checker::values(const json::object& in, std::string_view keyword,
                                     const std::string& path) {
  OC_RETURN_IF_ERROR(alone(in, keyword, path, "type"));
  const std::string param = path + "." + std::string(keyword);
  json::array all = {in.at(keyword)};
  if (keyword == "enum") {
    if (!in.at("enum").is_array() || in.at("enum").get_array().empty())
      return wrong(param, "must be an array with at least one value");
    all = in.at("enum").get_array();
  }
  enum_values_ += all.size();
  if (enum_values_ > limits_.enum_values)
    return wrong(param, fmt::format("brings the schema above {} values", limits_.enum_values));
  OC_ASSIGN_OR_RETURN(const auto names, types(in, path));
  for (const json::value& value : all) {
    if (!is_exact(value)) return unsupported(param, "holds an integer above 64 bits with a sign");
    if (!names.empty() &&
        std::ranges::none_of(names, [&](const auto& name) { return fits_type(value, name); }))
      return wrong(param, "holds a value that \"type\" does not allow");
    literals_.push_back({json_text(value), param, within_});
  }
  return json::object{{"enum", std::move(all)}};
}

// A oneOf, where it is the same.
Result<json::object> Checker::any_of(const json::object& in, const std::string& path,
                                     std::string_view keyword) {
  OC_RETURN_IF_ERROR(alone(in, keyword, path));
  const std::string param = fmt::format("{}.{}", path, keyword);
  if (!in.at(keyword).is_array() || in.at(keyword).get_array().empty())
    return wrong(param, "must be an array with at least one schema");
  const json::array& all = in.at(keyword).get_array();
  if (all.size() > limits_.options)
    return wrong(param, fmt::format("has more than {} schemas", limits_.options));
  if (keyword == "oneOf" && !exclude_each_other(all, *root_))
    return unsupported(param,
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
Result<std::vector<std::string>> Checker::types(const json::object& in,
                                                const std::string& path) const {
  const std::string param = path + ".type";
  std::vector<std::string> names;
  if (const json::value* type = in.if_contains("type")) {
    const json::array listed =
        type->is_array() ? type->get_array() : json::array(std::size_t{1}, *type);
    for (const json::value& name : listed) {
      if (!name.is_string() || !holds(kTypes, std::string_view(name.get_string())))
        return wrong(param, "must be object, array, string, number, integer, boolean or null");
      names.emplace_back(name.get_string());
    }
    if (names.empty()) return wrong(param, "must not be empty");
    if (const json::value* nullable = in.if_contains("nullable")) {  // OpenAPI's
      if (!nullable->is_bool()) return wrong(path + ".nullable", "must be true or false");
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
  if (names.size() > 1) return wrong(param, "is missing: the keywords are about several types");
  return names;
}

Result<json::object> Checker::of_type(const json::object& in, const std::string& type,
                                      const std::string& path) {
  if (type == "object") return object(in, path);
  if (type == "array") return array(in, path);
  if (type == "string") return string(in, path);
  if (type == "number" || type == "integer") return number(in, type == "integer", path);
  return json::object{{"type", type}};
}

Result<json::object> Checker::object(const json::object& in, const std::string& path) {
  json::object properties;
  if (const json::value* given = in.if_contains("properties")) {
    if (!given->is_object()) return wrong(path + ".properties", "must be an object");
    for (const auto& member : given->get_object()) {
      const std::string name(member.key());
      OC_ASSIGN_OR_RETURN(json::object one,
                          schema(member.value(), path + ".properties." + shown_key(name)));
      properties.emplace(name, std::move(one));
    }
  }
  json::array required;
  if (const json::value* given = in.if_contains("required")) {
    if (!given->is_array()) return wrong(path + ".required", "must be an array of strings");
    for (const json::value& name : given->get_array()) {
      if (!name.is_string()) return wrong(path + ".required", "must be an array of strings");
      // Any value, unless it has a schema.
      if (properties.emplace(name.get_string(), json::object()).second)
        OC_RETURN_IF_ERROR(one_more(path));
      if (std::ranges::find(required, name) == required.end()) required.push_back(name);
    }
  }
  // Where all have to be there, there is nothing to choose.
  if (required.size() < properties.size())
    for (const auto& member : properties)
      literals_.push_back({json_text(json::value(member.key())), path + ".properties", within_});
  json::object out = {{"type", "object"}};
  json::value more = properties.empty();  // keys without a schema are left out beside others
  if (const json::value* given = in.if_contains("additionalProperties")) {
    const std::string param = path + ".additionalProperties";
    if (given->is_bool() && !given->get_bool()) {
      for (const json::value& name : required) {
        const json::value* named = in.if_contains("properties");
        if (named == nullptr || !named->get_object().contains(name.get_string()))
          return wrong(path + ".required", "names a key that \"properties\" does not allow");
      }
      more = false;
    } else if (!given->is_bool()) {
      if (!properties.empty())
        return unsupported(param, "with a schema cannot be enforced beside named properties",
                           "use false, or an object of its own");
      OC_ASSIGN_OR_RETURN(json::object one, schema(*given, param));
      more = std::move(one);
    }
  }
  if (!properties.empty()) out.emplace("properties", std::move(properties));
  if (!required.empty()) out.emplace("required", std::move(required));
  out.emplace("additionalProperties", std::move(more));
  return out;
}

Result<json::object> Checker::array(const json::object& in, const std::string& path) {
  if (const json::value* unique = in.if_contains("uniqueItems");
      unique != nullptr && (!unique->is_bool() || unique->get_bool()))
    return unsupported(path + ".uniqueItems", "cannot be enforced", hint_for("uniqueItems"));
  OC_ASSIGN_OR_RETURN(const auto minimum, count(in, "minItems", path));
  OC_ASSIGN_OR_RETURN(const auto maximum, count(in, "maxItems", path));
  if (minimum && maximum && *minimum > *maximum)
    return wrong(path + ".maxItems", "is below minItems");
  json::object out = {{"type", "array"}};
  std::int64_t first = 0;
  if (const json::value* given = in.if_contains("prefixItems")) {
    const std::string param = path + ".prefixItems";
    if (!given->is_array() || given->get_array().empty())
      return wrong(param, "must be an array with at least one schema");
    json::array prefix;
    for (const json::value& item : given->get_array()) {
      OC_ASSIGN_OR_RETURN(json::object one,
                          schema(item, fmt::format("{}[{}]", param, prefix.size())));
      prefix.emplace_back(std::move(one));
    }
    first = static_cast<std::int64_t>(prefix.size());
    if (maximum && *maximum < first)
      return unsupported(path + ".maxItems", "below the number of prefixItems cannot be enforced");
    out.emplace("prefixItems", std::move(prefix));
  }
  json::value items = json::object();
  // As with keys: what nobody named is left out.
  if (first > 0 && minimum.value_or(0) <= first) items = false;
  if (const json::value* given = in.if_contains("items")) {
    if (given->is_bool() && !given->get_bool()) {
      if (minimum.value_or(0) > first)
        return wrong(path + ".minItems", "is above what items allow");
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

Result<json::object> Checker::string(const json::object& in, const std::string& path) {
  OC_ASSIGN_OR_RETURN(const auto minimum, count(in, "minLength", path));
  OC_ASSIGN_OR_RETURN(const auto maximum, count(in, "maxLength", path));
  if (minimum && maximum && *minimum > *maximum)
    return wrong(path + ".maxLength", "is below minLength");
  json::object out = {{"type", "string"}};
  const json::value *pattern = in.if_contains("pattern"), *format = in.if_contains("format");
  // Programs say one thing with both. The pattern is what every validator looks at.
  if (pattern != nullptr && format != nullptr)
    (is_enforceable(*pattern) ? format : pattern) = nullptr;
  if ((pattern != nullptr) + (format != nullptr) + (minimum || maximum) > 1)
    return unsupported(path + (pattern != nullptr ? ".pattern" : ".format"),
                       "cannot be enforced beside another bound on the same string",
                       "put lengths into the pattern, or keep one of them");
  if (format != nullptr) {
    if (!format->is_string() || !holds(kFormats, std::string_view(format->get_string())))
      return unsupported(path + ".format",
                         fmt::format("can be enforced for {}", fmt::join(kFormats, ", ")));
    out.emplace("format", *format);
  }
  if (pattern != nullptr) {
    const std::string param = path + ".pattern";
    if (!pattern->is_string()) return wrong(param, "must be a string");
    const auto cost = pattern_cost(pattern->get_string());
    if (!cost.ok())
      return unsupported(param, "cannot be enforced: " + cost.error().message,
                         "docs/api.md says which patterns can");
    if (cost->places > limits_.pattern_places || cost->weight() > limits_.pattern_weight)
      return wrong(
          param, fmt::format("has {} places when repeats are written out (at most {}) and {} parts "
                             "of no fixed length (places times parts: at most {})",
                             cost->places, limits_.pattern_places, cost->variables,
                             limits_.pattern_weight));
    out.emplace("pattern", *pattern);
    OC_RETURN_IF_ERROR(spend(out, cost->weight(), param));
  }
  if (minimum.value_or(0) > 0) out.emplace("minLength", *minimum);
  if (maximum) out.emplace("maxLength", *maximum);
  if (minimum.value_or(0) > 0 || maximum)
    OC_RETURN_IF_ERROR(spend(out, std::min(maximum.value_or(minimum.value_or(0)), kPlateau), path));
  return out;
}

bool Checker::is_enforceable(const json::value& pattern) const {
  if (!pattern.is_string()) return true;  // it is wrong, and told
  const auto cost = pattern_cost(pattern.get_string());
  return cost.ok() && cost->places <= limits_.pattern_places &&
         cost->weight() <= limits_.pattern_weight;
}

Result<void> Checker::spend(const json::object& bounded, std::int64_t weight,
                            const std::string& path) {
  if (!bounded_.insert(json_text(bounded)).second) return {};
  weight_ += weight;
  if (weight_ <= limits_.weight) return {};
  return wrong(path,
               fmt::format("makes the schema too costly: patterns, bounded lengths and counts "
                           "(docs/grammar.md) add up to more than {}",
                           limits_.weight));
}

Result<std::optional<std::int64_t>> Checker::count(const json::object& in, std::string_view keyword,
                                                   const std::string& path) const {
  const json::value* given = in.if_contains(keyword);
  if (given == nullptr) return std::optional<std::int64_t>();
  const double value = given->is_number() ? given->to_number<double>() : -1;
  if (value < 0 || value > static_cast<double>(limits_.max_count) || value != std::floor(value))
    return wrong(path + "." + std::string(keyword),
                 fmt::format("must be an integer from 0 to {}", limits_.max_count));
  return std::optional<std::int64_t>(static_cast<std::int64_t>(value));
}

// Bounds of an integer become integers. The library writes a number between bounds with six
// decimals at most; that one of these lies between them is seen to here.
Result<json::object> Checker::number(const json::object& in, bool integer,
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
    const bool none =
        integer && std::abs(bound) == kNoBound && (bound < 0) == keyword.ends_with("inimum");
    if (none) bound = std::copysign(kMaxInteger, bound);
    const double maximum = integer ? kMaxInteger : kMaxNumber;
    if (!(std::abs(bound) <= maximum))
      return wrong(param, fmt::format("must be a number from -{0} to {0}", maximum));
    const bool lower = keyword.ends_with("inimum"), exclusive = keyword.starts_with("exclusive");
    double snapped = lower ? std::ceil(bound * grid) : std::floor(bound * grid);
    if (exclusive && snapped == bound * grid) snapped += lower ? 1 : -1;
    (lower ? low : high) = lower ? std::max(low, snapped) : std::min(high, snapped);
    if (!integer) out.emplace(keyword, bound);
  }
  if (low > high) return wrong(path, "allows no number: its bounds leave none between them");
  if (integer && low > -HUGE_VAL) out.emplace("minimum", static_cast<std::int64_t>(low));
  if (integer && high < HUGE_VAL) out.emplace("maximum", static_cast<std::int64_t>(high));
  if (const json::value* given = in.if_contains("multipleOf")) {
    const double step = given->is_number() ? given->to_number<double>() : 0;
    if (!integer || low > -HUGE_VAL || high < HUGE_VAL || step < 1 || step > kMaxStep ||
        step != std::floor(step))
      return unsupported(path + ".multipleOf",
                         "can be enforced for integers without bounds, from 1 to 100");
    out.emplace("multipleOf", static_cast<std::int64_t>(step));
    OC_RETURN_IF_ERROR(spend(out, static_cast<std::int64_t>(step), path + ".multipleOf"));
  }
  return out;
}

Result<std::string> Checker::run(const json::value& root, const std::string& path) {
  if (json_text(root).size() > limits_.bytes)
    return wrong(path, fmt::format("is longer than {} bytes", limits_.bytes));
  if (!root.is_object()) return wrong(path, "must be an object");
  root_ = &root.get_object();
  OC_ASSIGN_OR_RETURN(json::object out, schema(root, path, true));
  for (const std::string_view folder : {"$defs", "definitions"}) {
    const json::value* given = root.get_object().if_contains(folder);
    if (given == nullptr) continue;
    const std::string param = path + "." + std::string(folder);
    if (!given->is_object()) return wrong(param, "must be an object");
    json::object definitions;
    for (const auto& member : given->get_object()) {
      const std::string name(member.key());
      if (name.empty() || name.find_first_of("/~%") != name.npos)
        return wrong(param, "holds a name that is empty or has one of / ~ % in it");
      within_ = fmt::format("#/{}/{}", folder, name);
      OC_ASSIGN_OR_RETURN(json::object one, schema(member.value(), param + "." + shown_key(name)));
      definitions.emplace(name, std::move(one));
    }
    out.emplace(folder, std::move(definitions));
  }
  OC_RETURN_IF_ERROR(check_references(out, refs_, path));
  OC_RETURN_IF_ERROR(check_alike(std::move(literals_), refs_, limits_));
  return json_text(out);
}

}  // namespace

Result<std::string> enforceable_schema(const json::value& schema, const std::string& path,
                                       const SchemaLimits& limits) {
  return Checker(limits).run(schema, path);
}

}  // namespace oc
