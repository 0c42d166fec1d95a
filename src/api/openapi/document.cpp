#include "api/openapi/document.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <cmath>

#include "api/openapi/operation.h"
#include "base/ascii.h"
#include "base/check.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

json::object reference(std::string_view component) {
  return {{"$ref", "#/components/schemas/" + std::string(component)}};
}

// Whole numbers are written as such: Boost.JSON has 1.28E2 for 128.0.
json::value number_of(double value) {
  if (value == std::trunc(value) && std::abs(value) < 1e15) return static_cast<std::int64_t>(value);
  return value;
}

void add_bounds(json::object& out, const RequestField& field, const char* least, const char* most) {
  if (std::isfinite(field.min)) out[least] = number_of(field.min);
  if (std::isfinite(field.max)) out[most] = number_of(field.max);
}

// The value that asks for nothing, of a field that is refused otherwise.
struct NothingOf {
  json::value operator()(std::monostate) const { return nullptr; }
  json::value operator()(bool value) const { return value; }
  json::value operator()(double value) const { return number_of(value); }
  json::value operator()(std::string_view value) const { return json::value(value); }
  json::value operator()(Empty) const { return json::object(); }
};

json::object typed(const char* type) { return {{"type", json::array{type, "null"}}}; }

json::object schema_of(const RequestField& field) {
  json::object out;
  if (field.use == FieldUse::kRefused) {
    json::array values{nullptr};
    if (field.nothing.index() != 0) values.push_back(std::visit(NothingOf(), field.nothing));
    out["enum"] = std::move(values);
    return out;
  }
  switch (field.type) {
    case FieldType::kAny:
      break;
    case FieldType::kBoolean:
      out = typed("boolean");
      break;
    case FieldType::kInteger:
      out = typed("integer");
      add_bounds(out, field, "minimum", "maximum");
      break;
    case FieldType::kInteger64:
      out = typed("integer");
      out["format"] = "int64";
      break;
    case FieldType::kNumber:
      out = typed("number");
      add_bounds(out, field, "minimum", field.below_max ? "exclusiveMaximum" : "maximum");
      break;
    case FieldType::kString:
      out = typed("string");
      add_bounds(out, field, "minLength", "maxLength");
      break;
    case FieldType::kStrings: {
      json::object many{{"type", "array"}, {"items", json::object{{"type", "string"}}}};
      add_bounds(many, field, "minItems", "maxItems");
      out["anyOf"] = json::array{typed("string"), std::move(many)};
      break;
    }
    case FieldType::kArray:
      out = typed("array");
      add_bounds(out, field, "minItems", "maxItems");
      break;
    case FieldType::kObject:
      out = typed("object");
      add_bounds(out, field, "minProperties", "maxProperties");
      break;
  }
  if (!field.one_of.empty()) {
    json::array values;
    for (const std::string_view value : field.one_of) values.emplace_back(value);
    values.push_back(nullptr);
    out["enum"] = std::move(values);
  }
  return out;
}

// Of an array among strings or one string: the schema that its entries belong to.
json::object& array_of(json::object& schema) {
  const auto many = schema.find("anyOf");
  return many == schema.end() ? schema : many->value().as_array()[1].as_object();
}

// Where the rest of a row's name leads, from the schema of what it begins with.
json::object& place_of(json::object& schema, std::string_view name) {
  if (name.empty()) return schema;
  const auto within = [](json::object& object, std::string_view key) -> json::object& {
    json::value& value = object[key];
    if (!value.is_object()) value = json::object();
    return value.get_object();
  };
  if (name.starts_with("[]")) return place_of(within(array_of(schema), "items"), name.substr(2));
  if (name.starts_with('.')) name.remove_prefix(1);
  if (name == "*") return within(schema, "additionalProperties");
  const std::size_t end = std::min(name.find_first_of(".["), name.size());
  json::object& properties = within(schema, "properties");
  return place_of(within(properties, name.substr(0, end)), name.substr(end));
}

// Unknown fields are errors, so where some are known there are no others.
void close(json::object& schema) {
  if (const auto found = schema.find("properties"); found != schema.end()) {
    if (!schema.contains("additionalProperties")) schema["additionalProperties"] = false;
    for (auto& [name, value] : found->value().as_object()) close(value.as_object());
  }
  if (const auto items = schema.find("items"); items != schema.end() && items->value().is_object())
    close(items->value().as_object());
}

json::object body_schema(const Operation& operation) {
  json::object out{{"type", "object"}};
  for (const RequestField& field : operation.fields) {
    json::object& place = place_of(out, field.name);
    for (auto& [key, value] : schema_of(field)) place[key] = value;
    if (!field.meaning.empty()) place["description"] = field.meaning;
    if (field.use == FieldUse::kNoEffect) place["x-without-effect"] = true;
  }
  for (const FieldShape& shape : operation.shapes) {
    json::object& place = place_of(out, shape.name);
    const json::value meaning =
        place.contains("description") ? place.at("description") : json::value();
    if (const json::object* old = &place; old->contains("type") || old->empty())
      place = reference(shape.component);
    if (meaning.is_string()) place["description"] = meaning;
  }
  close(out);
  if (!operation.required.empty()) {
    json::array names;
    for (const std::string_view name : operation.required) {
      names.emplace_back(name);
      // What has to be there is not null.
      json::object& place = place_of(out, name);
      if (const auto type = place.find("type"); type != place.end() && type->value().is_array())
        type->value() = json::value(type->value().as_array().front());
    }
    out["required"] = std::move(names);
  }
  return out;
}

json::object content(std::string_view type, json::object schema) {
  return {{std::string(type), json::object{{"schema", std::move(schema)}}}};
}

// Text and events are described by their media type alone.
json::object answers(const Operation& operation) {
  json::object bodies;
  if (operation.answer_type == "application/json")
    bodies = content(operation.answer_type, reference(operation.answer));
  else
    bodies[operation.answer_type] = json::object();
  if (!operation.stream_type.empty()) bodies[operation.stream_type] = json::object();
  json::object good{{"description", operation.summary}, {"content", std::move(bodies)}};
  json::object bad = content("application/json", reference(operation.error));
  return {{"200", std::move(good)},
          {"default", json::object{{"description", "what went wrong, and what to do"},
                                   {"content", std::move(bad)}}}};
}

// "get_v1_models_model" of GET /v1/models/{model}.
std::string identifier(std::string_view method, std::string_view path) {
  std::string out = lower(method);
  for (const char c : path)
    if (is_letter_or_digit(c))
      out += c;
    else if (!out.ends_with('_'))
      out += '_';
  while (out.ends_with('_')) out.pop_back();
  return out;
}

json::object operation_json(const DescribedRoute& route, const Operation& operation,
                            std::string_view path) {
  json::object out;
  out["operationId"] = identifier(route.method, path);
  if (!operation.group.empty()) out["tags"] = json::array{operation.group};
  out["summary"] = operation.summary;
  std::string detail(operation.detail);
  if (route.admin) detail += detail.empty() ? "" : " ";
  if (route.admin) detail += "Wants the admin key, where one is set.";
  if (!detail.empty()) out["description"] = std::move(detail);
  if (route.open) out["security"] = json::array();
  if (!operation.parameter.empty())
    out["parameters"] =
        json::array{json::object{{"name", operation.parameter},
                                 {"in", "path"},
                                 {"required", true},
                                 {"schema", json::object{{"type", "string"}, {"minLength", 1}}}}};
  if (!operation.fields.empty() || !operation.body.empty())
    out["requestBody"] =
        json::object{{"required", true},
                     {"content", content("application/json", operation.fields.empty()
                                                                 ? reference(operation.body)
                                                                 : body_schema(operation))}};
  out["responses"] = answers(operation);
  return out;
}

const Operation* find_operation(const DescribedRoute& route) {
  const auto all = operations();
  const auto found = std::ranges::find_if(all, [&](const Operation& one) {
    return one.method == route.method && one.path == route.path;
  });
  return found == all.end() ? nullptr : &*found;
}

json::object security_schemes() {
  const auto header = [](const char* name) {
    return json::object{{"type", "apiKey"}, {"in", "header"}, {"name", name}};
  };
  return {{"bearer", json::object{{"type", "http"}, {"scheme", "bearer"}}},
          {"x-api-key", header("x-api-key")},
          {"api-key", header("api-key")}};
}

}  // namespace

std::string openapi_json(std::span<const DescribedRoute> routes, std::string_view version) {
  json::object paths;
  for (const DescribedRoute& route : routes) {
    static const Operation kUnknown{.method = "", .path = "", .group = "", .summary = ""};
    const Operation* operation = find_operation(route);
    if (operation == nullptr) operation = &kUnknown;
    if (operation->refuses) continue;
    std::string path(route.path);
    if (path.ends_with("/*")) {
      path.pop_back();
      path += "{" + std::string(operation->parameter) + "}";
    }
    json::value& place = paths[path];
    if (!place.is_object()) place = json::object();
    place.get_object()[lower(route.method)] = operation_json(route, *operation, path);
  }
  json::object out;
  out["openapi"] = "3.1.0";
  out["info"] = {{"title", "ocellus"},
                 {"version", version},
                 {"description", "Questions about pictures, answered on this machine."},
                 {"license", json::object{{"name", "MIT"}, {"identifier", "MIT"}}}};
  out["servers"] = json::array{json::object{{"url", "."}}};
  // With a key, where the server has some; without, where it has none.
  out["security"] = json::array{json::object(), json::object{{"bearer", json::array()}},
                                json::object{{"x-api-key", json::array()}},
                                json::object{{"api-key", json::array()}}};
  out["paths"] = std::move(paths);
  boost::system::error_code failed;
  json::value schemas = json::parse(component_schemas(), failed);
  OC_CHECK(!failed, "the components are no JSON: {}", failed.message());
  out["components"] = {{"schemas", std::move(schemas)}, {"securitySchemes", security_schemes()}};
  return json_text(out);
}

}  // namespace oc
