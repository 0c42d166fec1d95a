#include "api/forced_call.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <iterator>
#include <utility>

#include "api/no_effect.h"
#include "base/ascii.h"
#include "base/check.h"
#include "base/utf8.h"
#include "io/json_text.h"
#include "runtime/grammar/json_schema.h"

namespace oc {
namespace {

namespace json = boost::json;

// Of one tool's description and schema, and of all tools, in the prompt: a small model reads no
// more, and its context has to hold the question, too.
constexpr std::size_t kMaxTools = 64;
constexpr std::size_t kDescriptionBytes = 1000, kSchemaBytes = 2000, kToldBytes = 8000;

// A schema that says nothing of parameters is one of a tool that has none: as JSON schema it would
// allow any object, and a model that is free to write one does not end it.
bool says_nothing(const json::object& schema) {
  return std::ranges::all_of(schema, [](const auto& member) {
    const std::string_view key = member.key();
    const json::value& value = member.value();
    if (key == "title" || key == "description" || key == "$schema") return true;
    if (key == "type") return value == "object";
    if (key == "properties") return value == json::object();
    if (key == "required") return value == json::array();
    return key == "additionalProperties" && value.is_bool();
  });
}

const json::object& parameters_of(const OfferedTool& tool) {
  static const json::object kNone = {{"type", "object"}, {"additionalProperties", false}};
  return tool.parameters != nullptr && !says_nothing(*tool.parameters) ? *tool.parameters : kNone;
}

// Names of properties, where the schema itself is too long to be told.
std::string property_names(const json::object& schema) {
  json::array names;
  if (const json::value* properties = schema.if_contains("properties");
      properties != nullptr && properties->is_object())
    for (const auto& property : properties->get_object()) names.emplace_back(property.key());
  return json_text(names);
}

std::string told(const OfferedTool& tool) {
  std::string out = tool.name;
  if (!tool.description.empty())
    out += fmt::format(": {}", whole_code_points(tool.description, kDescriptionBytes));
  std::string schema = json_text(parameters_of(tool));
  if (schema.size() > kSchemaBytes) schema = property_names(parameters_of(tool));
  if (schema.size() > kSchemaBytes) return out;
  return out + "\nparameters: " + schema;
}

std::string told(std::span<const OfferedTool> tools) {
  if (tools.size() == 1)
    return fmt::format("Call this tool. Answer with its parameters as JSON.\n{}", told(tools[0]));
  std::string out =
      "Call one of these tools. Answer with JSON: {\"name\": tool, \"arguments\": parameters}.";
  for (const OfferedTool& tool : tools) {
    std::string one = told(tool);
    // The names of all are told.
    out += '\n';
    out += out.size() + one.size() > kToldBytes ? tool.name : one;
  }
  return out;
}

// Where a schema keeps schemas that it refers to, and what stands between a tool and the name of
// one of them in the whole: the two may have the same names.
struct DefinitionPlace {
  std::string_view key, start, between;
};
constexpr std::array<DefinitionPlace, 2> kDefinitions = {
    {{"$defs", "#/$defs/", "."}, {"definitions", "#/definitions/", ":"}}};

std::string moved_name(std::string_view tool, const DefinitionPlace& place, std::string_view name) {
  return fmt::format("{}{}{}", tool, place.between, name);
}

std::string moved_reference(std::string_view reference, std::string_view tool) {
  if (reference == "#") return fmt::format("#/$defs/{}", tool);
  for (const DefinitionPlace& place : kDefinitions)
    if (reference.starts_with(place.start))
      return "#/$defs/" + moved_name(tool, place, reference.substr(place.start.size()));
  return std::string(reference);
}

// A schema's own references, from where they stand in the whole: "#" is this tool's schema there.
// `of_names`: an object's keys are names that somebody gave, and its values schemas.
json::value moved(const json::value& in, std::string_view tool, bool of_names = false) {
  constexpr std::array<std::string_view, 4> kValues = {"const", "enum", "default", "examples"};
  constexpr std::array<std::string_view, 4> kOfNames = {"properties", "patternProperties", "$defs",
                                                        "definitions"};
  if (in.is_array()) {
    json::array out;
    for (const json::value& one : in.get_array()) out.push_back(moved(one, tool));
    return out;
  }
  if (!in.is_object()) return in;
  json::object out;
  for (const auto& member : in.get_object()) {
    const std::string_view key = member.key();
    const json::value& value = member.value();
    if (!of_names && std::ranges::find(kValues, key) != kValues.end())
      out[key] = value;
    else if (!of_names && key == "$ref" && value.is_string())
      out[key] = moved_reference(value.get_string(), tool);
    else
      out[key] =
          moved(value, tool, !of_names && std::ranges::find(kOfNames, key) != kOfNames.end());
  }
  return out;
}

// {"name": one of them, "arguments": as that one has it}.
json::object any_call(std::span<const OfferedTool> tools) {
  json::object definitions;
  json::array options;
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const std::string own = fmt::format("tool{}", i);
    json::object schema = moved(parameters_of(tools[i]), own).get_object();
    for (const DefinitionPlace& place : kDefinitions) {
      const json::value* all = schema.if_contains(place.key);
      if (all == nullptr) continue;
      for (const auto& [key, value] : all->get_object())
        definitions[moved_name(own, place, key)] = value;
      schema.erase(place.key);
    }
    definitions[own] = std::move(schema);
    json::object properties = {
        {"name", json::object{{"const", tools[i].name}}},
        {"arguments", json::object{{"$ref", fmt::format("#/$defs/{}", own)}}}};
    options.push_back(json::object{{"type", "object"},
                                   {"properties", std::move(properties)},
                                   {"required", json::array{"name", "arguments"}},
                                   {"additionalProperties", false}});
  }
  return {{"anyOf", std::move(options)}, {"$defs", std::move(definitions)}};
}

}  // namespace

bool is_tool_name(std::string_view name, std::size_t max) {
  return !name.empty() && name.size() <= max && std::ranges::all_of(name, [](char c) {
    return is_letter_or_digit(c) || c == '_' || c == '-';
  });
}

Result<void> force_call(std::span<const OfferedTool> tools, ChatRequest& request,
                        std::string_view stop_field) {
  OC_CHECK(!tools.empty(), "a call of no tool");
  if (tools.size() > kMaxTools)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("a call is forced of {} tools, at most {}", tools.size(), kMaxTools),
                 "offer fewer, or name the one to be called", "tools"};
  ForcedCall call;
  std::string schema;
  std::vector<std::string> not_enforced;
  for (const OfferedTool& tool : tools) {
    if (std::ranges::find(call.tools, tool.name) != call.tools.end()) {
      const std::string param = tool.param.substr(0, tool.param.rfind('.')) + ".name";
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("\"{}\": two tools have this name", param),
                   "give each tool a name of its own", param};
    }
    call.tools.push_back(tool.name);
    if (const json::value* type = parameters_of(tool).if_contains("type");
        type != nullptr && !(type->is_string() && type->get_string() == "object"))
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("\"{}.type\" must be \"object\": parameters have names", tool.param),
                   "", tool.param + ".type"};
    // Each by itself first: an error then has the path that the client knows.
    OC_ASSIGN_OR_RETURN(EnforceableSchema own, enforceable_schema(parameters_of(tool), tool.param));
    schema = std::move(own.text);
    std::ranges::move(own.not_enforced, std::back_inserter(not_enforced));
  }
  if (tools.size() > 1) {
    OC_ASSIGN_OR_RETURN(EnforceableSchema any, enforceable_schema(any_call(tools), "tools"));
    schema = std::move(any.text);
  }
  if (!request.generate.stop.empty()) NoEffect(request.without_effect).add(stop_field);
  request.generate.stop.clear();
  request.generate.json_schema = std::move(schema);
  request.names.call("response_format", tools.size() == 1 ? tools.front().param : "tools");
  request.not_enforced = std::move(not_enforced);
  request.forced_call = std::move(call);
  request.generate.messages.back().parts.emplace_back(TextPart{told(tools)});
  return {};
}

}  // namespace oc
