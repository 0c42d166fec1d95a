#include "api/openai/tools.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "api/forced_call.h"
#include "api/openai/fields.h"
#include "api/openai/listed_tools.h"

namespace oc {
namespace {

namespace json = boost::json;

Error missing(const std::string& param) {
  return {ErrorCode::kInvalidArgument, fmt::format("\"{}\" is missing", param), "", param};
}

Result<JsonFields> required_object(const JsonFields& fields, std::string_view key) {
  OC_ASSIGN_OR_RETURN(auto object, fields.object(key));
  if (!object) return missing(fields.name(key));
  return std::move(*object);
}

Result<std::string_view> required_string(const JsonFields& fields, std::string_view key) {
  OC_ASSIGN_OR_RETURN(const auto text, fields.string(key));
  if (!text) return missing(fields.name(key));
  return *text;
}

using Tools = std::vector<ListedTool>;

// {"name", "description", "parameters", "strict"}. What else it holds is nobody's concern: the
// model does not see it.
Result<ListedTool> read_function(const JsonFields& function) {
  OC_ASSIGN_OR_RETURN(const std::string_view name, required_string(function, "name"));
  if (!is_tool_name(name, 64))
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("\"{}\" must be 1 to 64 of a-z, A-Z, 0-9, _ and -", function.name("name")), "",
        function.name("name")};
  OC_ASSIGN_OR_RETURN(const auto description, function.string("description"));
  OC_ASSIGN_OR_RETURN(const auto parameters, function.object("parameters"));
  OC_ASSIGN_OR_RETURN(const auto strict, function.boolean("strict"));
  (void)strict;  // every schema is enforced
  return ListedTool{{.name = std::string(name),
                     .description = std::string(description.value_or("")),
                     .parameters = parameters ? &parameters->raw() : nullptr,
                     .param = function.name("parameters")}};
}

Result<ListedTool> read_tool(const JsonFields& tool) {
  OC_ASSIGN_OR_RETURN(const std::string_view type, required_string(tool, "type"));
  if (type == "function") {
    OC_ASSIGN_OR_RETURN(const JsonFields function, required_object(tool, "function"));
    return read_function(function);
  }
  if (type == "custom") {
    OC_ASSIGN_OR_RETURN(const JsonFields custom, required_object(tool, "custom"));
    OC_ASSIGN_OR_RETURN(const std::string_view name, required_string(custom, "name"));
    return ListedTool{{.name = std::string(name)}, true};
  }
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("\"{}\" must be \"function\" or \"custom\"", tool.name("type")), "",
               tool.name("type")};
}

// An array of objects, each of which `read` looks at.
Result<Tools> read_list(const JsonFields& fields, std::string_view key,
                        Result<ListedTool> (*read)(const JsonFields&)) {
  Tools out;
  const json::value* value = fields.find(key);
  if (value == nullptr) return out;
  if (!value->is_array()) return wrong_value(std::string(key), "an array", *value);
  const json::array& array = value->get_array();
  for (std::size_t i = 0; i < array.size(); ++i) {
    const std::string path = fmt::format("{}[{}]", key, i);
    if (!array[i].is_object()) return wrong_value(path, "an object", array[i]);
    OC_ASSIGN_OR_RETURN(ListedTool tool, read(JsonFields(array[i].get_object(), path)));
    out.push_back(std::move(tool));
  }
  return out;
}

Error no_choice(std::string_view key, std::string_view allowed) {
  return {ErrorCode::kInvalidArgument, fmt::format("\"{}\" must be {}", key, allowed), "",
          std::string(key)};
}

// {"mode", "tools": [{"type": "function", "function": {"name"}}]}
Result<ForcedTools> some_of(const JsonFields& allowed, const Tools& tools) {
  OC_ASSIGN_OR_RETURN(const std::string_view mode, required_string(allowed, "mode"));
  if (mode == "auto") return ForcedTools();
  if (mode != "required") return no_choice(allowed.name("mode"), R"("auto" or "required")");
  const std::string param = allowed.name("tools");
  const json::value* list = allowed.find("tools");
  if (list == nullptr) return missing(param);
  if (!list->is_array()) return wrong_value(param, "an array", *list);
  ForcedTools out;
  for (const json::value& one : list->get_array()) {
    const std::string path = fmt::format("{}[{}]", param, out.size());
    if (!one.is_object()) return wrong_value(path, "an object", one);
    const JsonFields entry(one.get_object(), path);
    OC_ASSIGN_OR_RETURN(const std::string_view type, required_string(entry, "type"));
    OC_ASSIGN_OR_RETURN(const JsonFields named, required_object(entry, type));
    OC_ASSIGN_OR_RETURN(const std::string_view name, required_string(named, "name"));
    OC_RETURN_IF_ERROR(force_named(tools, name, named.name("name"), out));
  }
  if (out.empty()) return force_any({}, "tool_choice");
  return out;
}

// "none", "auto", "required", or an object that names one tool, or some of them.
Result<ForcedTools> read_tool_choice(const JsonFields& fields, const Tools& tools) {
  constexpr std::string_view kKey = "tool_choice";
  const json::value* value = fields.find(kKey);
  if (value == nullptr) return ForcedTools();
  if (value->is_string()) {
    const std::string_view choice(value->get_string());
    if (choice == "none" || choice == "auto") return ForcedTools();
    if (choice == "required") return force_any(tools, kKey);
    return no_choice(kKey, R"("none", "auto", "required" or an object)");
  }
  if (!value->is_object()) return wrong_value(std::string(kKey), "a string or an object", *value);
  const JsonFields choice(value->get_object(), std::string(kKey));
  OC_ASSIGN_OR_RETURN(const std::string_view type, required_string(choice, "type"));
  if (type == "function" || type == "custom") {
    OC_ASSIGN_OR_RETURN(const JsonFields named, required_object(choice, type));
    OC_ASSIGN_OR_RETURN(const std::string_view name, required_string(named, "name"));
    ForcedTools out;
    OC_RETURN_IF_ERROR(force_named(tools, name, named.name("name"), out));
    return out;
  }
  if (type != "allowed_tools")
    return no_choice(choice.name("type"), R"("function", "custom" or "allowed_tools")");
  OC_ASSIGN_OR_RETURN(const JsonFields allowed, required_object(choice, type));
  return some_of(allowed, tools);
}

// The older form: "none", "auto", or {"name"}.
Result<ForcedTools> read_function_call(const JsonFields& fields, const Tools& functions) {
  constexpr std::string_view kKey = "function_call";
  ForcedTools out;
  const json::value* value = fields.find(kKey);
  if (value == nullptr) return out;
  if (value->is_object()) {
    const JsonFields named(value->get_object(), std::string(kKey));
    OC_ASSIGN_OR_RETURN(const std::string_view name, required_string(named, "name"));
    OC_RETURN_IF_ERROR(force_named(functions, name, named.name("name"), out));
    return out;
  }
  if (!value->is_string()) return wrong_value(std::string(kKey), "a string or an object", *value);
  const std::string_view choice(value->get_string());
  if (choice == "none" || choice == "auto") return out;
  return no_choice(kKey, R"("none", "auto" or {"name": …})");
}

// What else would say what the answer is.
Result<void> check_alone(const ChatRequest& request, std::string_view key) {
  if (request.generate.choices.empty()) return {};
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("\"{}\" forces a call, and \"choices\" are scored", key),
               "leave one of the two out", std::string(key)};
}

}  // namespace

Result<void> parse_tools(const JsonFields& fields, ChatRequest& request) {
  OC_ASSIGN_OR_RETURN(const Tools tools, read_list(fields, "tools", read_tool));
  OC_ASSIGN_OR_RETURN(const Tools functions, read_list(fields, "functions", read_function));
  OC_ASSIGN_OR_RETURN(const ForcedTools chosen, read_tool_choice(fields, tools));
  OC_ASSIGN_OR_RETURN(const ForcedTools older, read_function_call(fields, functions));
  OC_ASSIGN_OR_RETURN(const auto parallel, fields.boolean("parallel_tool_calls"));
  (void)parallel;  // there is one call at most
  if (!chosen.empty() || !older.empty()) {
    OC_RETURN_IF_ERROR(check_alone(request, chosen.empty() ? "function_call" : "tool_choice"));
    // Both at once would be two answers; the newer form counts.
    if (!chosen.empty() && !older.empty()) NoEffect(request.without_effect).add("function_call");
    if (request.generate.json_schema)
      NoEffect(request.without_effect).add(request.names.of("response_format"));
    OC_RETURN_IF_ERROR(force_call(chosen.empty() ? older : chosen, request));
    request.forced_call->older = chosen.empty();
    return {};
  }
  if (!tools.empty()) request.unused_tools = "tools";
  if (!functions.empty())
    request.unused_tools = tools.empty() ? "functions" : "tools and functions";
  return {};
}

Result<void> ToolHistory::add_call(const JsonFields& call, std::string_view arguments_key,
                                   std::string_view id, Message& out) {
  OC_ASSIGN_OR_RETURN(const std::string_view name, required_string(call, "name"));
  OC_ASSIGN_OR_RETURN(const auto arguments, call.string(arguments_key));
  out.parts.push_back(TextPart{turns_.call(name, arguments.value_or(""), id)});
  return {};
}

Result<bool> ToolHistory::add_calls(const JsonFields& message, Message& out) {
  const json::value* calls = message.find("tool_calls");
  OC_ASSIGN_OR_RETURN(const auto older, message.object("function_call"));
  if (calls != nullptr) {
    const std::string param = message.name("tool_calls");
    if (!calls->is_array()) return wrong_value(param, "an array", *calls);
    const json::array& array = calls->get_array();
    for (std::size_t i = 0; i < array.size(); ++i) {
      const std::string path = fmt::format("{}[{}]", param, i);
      if (!array[i].is_object()) return wrong_value(path, "an object", array[i]);
      const JsonFields call(array[i].get_object(), path);
      OC_ASSIGN_OR_RETURN(const auto id, call.string("id"));
      OC_ASSIGN_OR_RETURN(const auto type, call.string("type"));
      const bool custom = type == "custom";
      if (type && !custom && *type != "function")
        return no_choice(call.name("type"), R"("function" or "custom")");
      OC_ASSIGN_OR_RETURN(const JsonFields what,
                          required_object(call, custom ? "custom" : "function"));
      OC_RETURN_IF_ERROR(add_call(what, custom ? "input" : "arguments", id.value_or(""), out));
    }
  }
  if (older) OC_RETURN_IF_ERROR(add_call(*older, "arguments", "", out));
  return older.has_value() || (calls != nullptr && !calls->get_array().empty());
}

Result<std::string> ToolHistory::heading(const JsonFields& message) const {
  OC_ASSIGN_OR_RETURN(const auto id, message.string("tool_call_id"));
  OC_ASSIGN_OR_RETURN(const auto name, message.string("name"));
  return turns_.result_heading(id.value_or(""), name.value_or(""));
}

}  // namespace oc
