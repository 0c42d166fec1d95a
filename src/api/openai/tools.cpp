#include "api/openai/tools.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/utf8.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxName = 64;  // OpenAI's bound, and its alphabet

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && std::ranges::all_of(name, [](char c) {
    return is_letter_or_digit(c) || c == '_' || c == '-';
  });
}

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

// {"name", "description", "parameters", "strict"}. What else it holds is nobody's concern: the
// model does not see it.
Result<void> check_function(const JsonFields& function) {
  OC_ASSIGN_OR_RETURN(const std::string_view name, required_string(function, "name"));
  if (!is_name(name))
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("\"{}\" must be 1 to {} of a-z, A-Z, 0-9, _ and -",
                             function.name("name"), kMaxName),
                 "", function.name("name")};
  OC_ASSIGN_OR_RETURN(const auto description, function.string("description"));
  OC_ASSIGN_OR_RETURN(const auto parameters, function.object("parameters"));
  OC_ASSIGN_OR_RETURN(const auto strict, function.boolean("strict"));
  (void)description, (void)parameters, (void)strict;
  return {};
}

Result<void> check_tool(const JsonFields& tool) {
  OC_ASSIGN_OR_RETURN(const std::string_view type, required_string(tool, "type"));
  if (type == "function") {
    OC_ASSIGN_OR_RETURN(const JsonFields function, required_object(tool, "function"));
    return check_function(function);
  }
  if (type == "custom") {
    OC_ASSIGN_OR_RETURN(const JsonFields custom, required_object(tool, "custom"));
    OC_ASSIGN_OR_RETURN(const std::string_view name, required_string(custom, "name"));
    (void)name;
    return {};
  }
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("\"{}\" must be \"function\" or \"custom\"", tool.name("type")), "",
               tool.name("type")};
}

// An array of objects, each of which `check` looks at. → whether there were any.
Result<bool> check_list(const JsonFields& fields, std::string_view key,
                        Result<void> (*check)(const JsonFields&)) {
  const json::value* value = fields.find(key);
  if (value == nullptr) return false;
  if (!value->is_array()) return wrong_value(std::string(key), "an array", *value);
  const json::array& array = value->get_array();
  for (std::size_t i = 0; i < array.size(); ++i) {
    const std::string path = fmt::format("{}[{}]", key, i);
    if (!array[i].is_object()) return wrong_value(path, "an object", array[i]);
    OC_RETURN_IF_ERROR(check(JsonFields(array[i].get_object(), path)));
  }
  return !array.empty();
}

Error forced(std::string_view key) {
  return {ErrorCode::kUnsupported,
          fmt::format("\"{}\" cannot force a call: the model answers in text", key),
          R"(use "auto" or "none", or leave it out)", std::string(key)};
}

Error no_choice(std::string_view key, std::string_view allowed) {
  return {ErrorCode::kInvalidArgument, fmt::format("\"{}\" must be {}", key, allowed), "",
          std::string(key)};
}

// "none", "auto", "required", or an object that names one tool, or some of them.
Result<void> check_tool_choice(const JsonFields& fields) {
  constexpr std::string_view kKey = "tool_choice";
  const json::value* value = fields.find(kKey);
  if (value == nullptr) return {};
  if (value->is_string()) {
    const std::string_view choice(value->get_string());
    if (choice == "none" || choice == "auto") return {};
    if (choice == "required") return forced(kKey);
    return no_choice(kKey, R"("none", "auto", "required" or an object)");
  }
  if (!value->is_object()) return wrong_value(std::string(kKey), "a string or an object", *value);
  const JsonFields choice(value->get_object(), std::string(kKey));
  OC_ASSIGN_OR_RETURN(const std::string_view type, required_string(choice, "type"));
  if (type == "function" || type == "custom") {
    OC_ASSIGN_OR_RETURN(const JsonFields named, required_object(choice, type));
    OC_ASSIGN_OR_RETURN(const std::string_view name, required_string(named, "name"));
    (void)name;
    return forced(kKey);
  }
  if (type != "allowed_tools")
    return no_choice(choice.name("type"), R"("function", "custom" or "allowed_tools")");
  OC_ASSIGN_OR_RETURN(const JsonFields allowed, required_object(choice, type));
  OC_ASSIGN_OR_RETURN(const std::string_view mode, required_string(allowed, "mode"));
  if (mode == "required") return forced(kKey);
  if (mode != "auto") return no_choice(allowed.name("mode"), R"("auto" or "required")");
  return {};
}

// The older form: "none", "auto", or {"name"}.
Result<void> check_function_call(const JsonFields& fields) {
  constexpr std::string_view kKey = "function_call";
  const json::value* value = fields.find(kKey);
  if (value == nullptr) return {};
  if (value->is_object()) {
    const JsonFields named(value->get_object(), std::string(kKey));
    OC_ASSIGN_OR_RETURN(const std::string_view name, required_string(named, "name"));
    (void)name;
    return forced(kKey);
  }
  if (!value->is_string()) return wrong_value(std::string(kKey), "a string or an object", *value);
  const std::string_view choice(value->get_string());
  if (choice == "none" || choice == "auto") return {};
  return no_choice(kKey, R"("none", "auto" or {"name": …})");
}

}  // namespace

Result<void> parse_tools(const JsonFields& fields, ChatRequest& request) {
  OC_ASSIGN_OR_RETURN(const bool tools, check_list(fields, "tools", check_tool));
  OC_ASSIGN_OR_RETURN(const bool functions, check_list(fields, "functions", check_function));
  OC_RETURN_IF_ERROR(check_tool_choice(fields));
  OC_RETURN_IF_ERROR(check_function_call(fields));
  OC_ASSIGN_OR_RETURN(const auto parallel, fields.boolean("parallel_tool_calls"));
  (void)parallel;  // of no call, any number may be made at once
  if (tools) request.unused_tools = "tools";
  if (functions) request.unused_tools = tools ? "tools and functions" : "functions";
  return {};
}

Result<void> ToolHistory::add_call(const JsonFields& call, std::string_view arguments_key,
                                   std::string_view id, Message& out) {
  OC_ASSIGN_OR_RETURN(const std::string_view name, required_string(call, "name"));
  OC_ASSIGN_OR_RETURN(const auto arguments, call.string(arguments_key));
  if (!id.empty()) names_[std::string(id)] = whole_code_points(name, kMaxName);
  out.parts.push_back(TextPart{arguments && !arguments->empty()
                                   ? fmt::format("I call the tool {} with {}", name, *arguments)
                                   : fmt::format("I call the tool {}", name)});
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
  OC_ASSIGN_OR_RETURN(auto name, message.string("name"));
  if (id)
    if (const auto found = names_.find(*id); found != names_.end()) name = found->second;
  // Once for each result: a long one would make much of a small body.
  if (name) name = whole_code_points(*name, kMaxName);
  return name && !name->empty() ? fmt::format("The tool {} returned:", *name)
                                : std::string("A tool returned:");
}

}  // namespace oc
