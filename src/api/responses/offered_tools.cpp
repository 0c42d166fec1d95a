#include "api/responses/offered_tools.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <utility>
#include <vector>

#include "api/forced_call.h"
#include "api/no_effect.h"
#include "api/openai/listed_tools.h"
#include "api/responses/fields.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::string_view kChoice = "tool_choice";

using Listed = std::vector<ListedTool>;

Error built_in(const JsonFields& tool, std::string_view type) {
  // The client's own text is not told back, but for names as tools have them.
  const std::string name = is_tool_name(type, 64) ? std::string(type) : "this one";
  return {ErrorCode::kUnsupported,
          fmt::format("\"{}\": built-in tools are not part of this server, {} neither",
                      tool.name("type"), name),
          "offer a \"function\"", tool.name("type")};
}

// {"type": "function", "name", "description", "parameters", "strict"}. What else it holds is
// nobody's concern: the model does not see it.
Result<ListedTool> read_tool(const JsonFields& tool) {
  OC_ASSIGN_OR_RETURN(const std::string_view type, tool.required_string("type"));
  if (type != "function" && type != "custom") return built_in(tool, type);
  if (tool.find("name") == nullptr && tool.find(type) != nullptr)  // as in chat completions
    return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is missing", tool.name("name")),
                 type == "function"
                     ? R"(a tool is {"type": "function", "name": ..., "parameters": {...}} here)"
                     : R"(a tool is {"type": "custom", "name": ...} here)",
                 tool.name("name")};
  OC_ASSIGN_OR_RETURN(const std::string_view name, tool.required_string("name"));
  if (!is_tool_name(name, 128))
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("\"{}\" must be 1 to 128 of a-z, A-Z, 0-9, _ and -", tool.name("name")), "",
        tool.name("name")};
  OC_ASSIGN_OR_RETURN(const auto description, tool.string("description"));
  ListedTool out{{.name = std::string(name),
                  .description = std::string(description.value_or("")),
                  .param = tool.name("parameters")},
                 type == "custom"};
  if (out.custom) return out;
  OC_ASSIGN_OR_RETURN(const auto parameters, tool.object("parameters"));
  OC_ASSIGN_OR_RETURN([[maybe_unused]] const auto strict,
                      tool.boolean("strict"));  // every schema is enforced
  if (parameters) out.offered.parameters = &parameters->raw();
  return out;
}

Result<Listed> read_tools(const JsonFields& fields) {
  Listed out;
  OC_ASSIGN_OR_RETURN(const json::array* tools, fields.array(response_field("tools")));
  if (tools == nullptr) return out;
  for (std::size_t i = 0; i < tools->size(); ++i) {
    const std::string path = fmt::format("tools[{}]", i);
    if (!(*tools)[i].is_object()) return wrong_value(path, "an object", (*tools)[i]);
    OC_ASSIGN_OR_RETURN(ListedTool tool, read_tool(JsonFields((*tools)[i].get_object(), path)));
    out.push_back(std::move(tool));
  }
  return out;
}

// {"type": "function", "name"}
Result<void> name_one(const JsonFields& choice, const Listed& tools, ForcedTools& out) {
  OC_ASSIGN_OR_RETURN(const std::string_view type, choice.required_string("type"));
  if (type != "function" && type != "custom") return built_in(choice, type);
  OC_ASSIGN_OR_RETURN(const std::string_view name, choice.required_string("name"));
  return force_named(tools, name, choice.name("name"), out);
}

// {"type": "allowed_tools", "mode", "tools": [{"type": "function", "name"}]}
Result<ForcedTools> some_of(const JsonFields& choice, const Listed& tools) {
  OC_ASSIGN_OR_RETURN(const std::string_view mode, choice.required_string("mode"));
  if (mode == "auto") return ForcedTools();
  if (mode != "required")
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("\"{}\" must be \"auto\" or \"required\"", choice.name("mode")), "",
                 choice.name("mode")};
  const std::string param = choice.name("tools");
  const json::value* list = choice.find("tools");
  if (list == nullptr || !list->is_array() || list->get_array().empty())
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("\"{}\" must be an array of at least one tool", param), "", param};
  ForcedTools out;
  for (const json::value& one : list->get_array()) {
    const std::string path = fmt::format("{}[{}]", param, out.size());
    if (!one.is_object()) return wrong_value(path, "an object", one);
    OC_RETURN_IF_ERROR(name_one(JsonFields(one.get_object(), path), tools, out));
  }
  return out;
}

Result<ForcedTools> read_choice(const JsonFields& fields, const Listed& tools) {
  const json::value* value = fields.find(kChoice);
  if (value == nullptr) return ForcedTools();
  if (value->is_string()) {
    const std::string_view choice(value->get_string());
    if (choice == "none" || choice == "auto") return ForcedTools();
    if (choice == "required") return force_any(tools, kChoice);
    return Error{ErrorCode::kInvalidArgument,
                 R"("tool_choice" must be "none", "auto", "required" or an object)", "",
                 std::string(kChoice)};
  }
  if (!value->is_object())
    return wrong_value(std::string(kChoice), "a string or an object", *value);
  const JsonFields choice(value->get_object(), std::string(kChoice));
  OC_ASSIGN_OR_RETURN(const std::string_view type, choice.required_string("type"));
  if (type == "allowed_tools") return some_of(choice, tools);
  ForcedTools out;
  OC_RETURN_IF_ERROR(name_one(choice, tools, out));
  return out;
}

}  // namespace

Result<void> parse_offered_tools(const JsonFields& fields, ChatRequest& request) {
  OC_ASSIGN_OR_RETURN(const Listed tools, read_tools(fields));
  OC_ASSIGN_OR_RETURN(const ForcedTools forced, read_choice(fields, tools));
  OC_ASSIGN_OR_RETURN([[maybe_unused]] const auto parallel,
                      fields.boolean(response_field("parallel_tool_calls")));  // one at most
  if (forced.empty()) {
    if (!tools.empty()) request.unused_tools = "tools";
    return {};
  }
  if (request.generate.json_schema) NoEffect(request.without_effect).add("text.format");
  return force_call(forced, request);
}

}  // namespace oc
