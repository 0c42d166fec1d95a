#include "api/ollama/turns.h"

#include <fmt/format.h>

#include <array>
#include <boost/json/array.hpp>
#include <utility>

#include "api/json_fields.h"
#include "api/no_effect.h"
#include "api/request_images.h"
#include "api/tool_turns.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

Error missing(std::string param) {
  std::string message = fmt::format("\"{}\" is missing", param);
  return {ErrorCode::kInvalidArgument, std::move(message), "", std::move(param)};
}

// An array of objects.
Result<JsonFields> object_in(const json::array& array, std::size_t i, const std::string& param) {
  const std::string path = fmt::format("{}[{}]", param, i);
  if (!array[i].is_object()) return wrong_value(path, "an object", array[i]);
  return JsonFields(array[i].get_object(), path);
}

struct OllamaTurnParser {
  const ChatLimits& limits;
  ChatRequest& request;
  ToolTurns tools = {};
  std::size_t parts = 0;
  bool last_of_tools = false;  // the last message was a call or a result

  Result<void> count(std::size_t more, const std::string& path) {
    parts += more;
    if (parts <= limits.max_parts) return {};
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("more than {} content parts", limits.max_parts), "", path};
  }

  // {"function": {"name", "arguments": {…}}}; some clients keep OpenAI's form, where they are text.
  Result<void> add_call(const JsonFields& call, Message& out) {
    OC_RETURN_IF_ERROR(call.only(std::array<std::string_view, 3>{"id", "type", "function"}));
    OC_ASSIGN_OR_RETURN(const auto id, call.string("id"));
    OC_ASSIGN_OR_RETURN(const auto function, call.object("function"));
    if (!function) return missing(call.name("function"));
    OC_ASSIGN_OR_RETURN(const auto name, function->string("name"));
    if (!name) return missing(function->name("name"));
    const json::value* value = function->find("arguments");
    if (value != nullptr && !value->is_object() && !value->is_string())
      return wrong_value(function->name("arguments"), "an object", *value);
    const std::string arguments = value == nullptr     ? std::string("{}")
                                  : value->is_string() ? std::string(value->get_string())
                                                       : json_text(*value);
    out.parts.emplace_back(TextPart{tools.call(*name, arguments, id.value_or(""))});
    return {};
  }

  Result<bool> add_calls(const JsonFields& fields, Message& out) {
    const json::value* calls = fields.find("tool_calls");
    if (calls == nullptr) return false;
    const std::string param = fields.name("tool_calls");
    if (!calls->is_array()) return wrong_value(param, "an array", *calls);
    const json::array& array = calls->get_array();
    if (array.empty()) return false;
    if (out.role != Role::kAssistant)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("\"{}\": only the assistant calls tools", param), "", param};
    OC_RETURN_IF_ERROR(count(array.size(), param));
    for (std::size_t i = 0; i < array.size(); ++i) {
      OC_ASSIGN_OR_RETURN(const JsonFields call, object_in(array, i, param));
      OC_RETURN_IF_ERROR(add_call(call, out));
    }
    return true;
  }

  // What stands above a result: its tool.
  Result<std::string> heading(const JsonFields& fields) const {
    OC_ASSIGN_OR_RETURN(const auto id, fields.string("tool_call_id"));
    OC_ASSIGN_OR_RETURN(const auto name, fields.string("tool_name"));
    OC_ASSIGN_OR_RETURN(const auto older, fields.string("name"));
    return tools.result_heading(id.value_or(""), name.value_or(older.value_or("")));
  }

  Result<void> check_fields(const JsonFields& fields, bool of_tool) {
    static constexpr auto kKnown =
        std::to_array<std::string_view>({"role", "content", "images", "tool_calls", "tool_name",
                                         "tool_call_id", "name", "thinking"});
    static constexpr auto kLabels = std::to_array<std::string_view>({"thinking"});
    static constexpr auto kOfTools =
        std::to_array<std::string_view>({"tool_name", "tool_call_id", "name"});
    OC_RETURN_IF_ERROR(fields.only(kKnown));
    NoEffect no_effect(request.without_effect);
    no_effect.add_present(fields, "messages[].", kLabels);
    if (!of_tool) no_effect.add_present(fields, "messages[].", kOfTools);
    return {};
  }

  Result<void> turn(const JsonFields& fields) {
    OC_ASSIGN_OR_RETURN(const auto role, fields.string("role"));
    if (!role) return missing(fields.name("role"));
    const bool of_tool = role == "tool";
    if (!of_tool && role != "user" && role != "assistant" && role != "system")
      return Error{
          ErrorCode::kInvalidArgument,
          fmt::format("\"{}\" must be system, user, assistant or tool", fields.name("role")), "",
          fields.name("role")};
    OC_RETURN_IF_ERROR(check_fields(fields, of_tool));
    Message message;
    message.role = role == "assistant" ? Role::kAssistant
                   : role == "system"  ? Role::kSystem
                                       : Role::kUser;
    if (of_tool) {
      OC_ASSIGN_OR_RETURN(std::string above, heading(fields));
      message.parts.emplace_back(TextPart{std::move(above)});
    }
    if (const json::value* images = fields.find("images")) {
      const std::string param = fields.name("images");
      if (message.role != Role::kUser && !(images->is_array() && images->get_array().empty()))
        return Error{ErrorCode::kInvalidArgument,
                     fmt::format("\"{}\": pictures belong into user messages", param), "", param};
      OC_RETURN_IF_ERROR(add_ollama_images(*images, param, limits, request, message));
    }
    OC_ASSIGN_OR_RETURN(const auto content, fields.string("content"));
    OC_ASSIGN_OR_RETURN(const bool called, add_calls(fields, message));
    const bool silent = !content || content->empty();
    // Before the calls, as it was said.
    if (!silent || (message.parts.empty() && content))
      message.parts.insert(called ? message.parts.begin() : message.parts.end(),
                           TextPart{std::string(*content)});
    OC_RETURN_IF_ERROR(count(1, fields.name("content")));
    if (message.parts.empty() && message.role != Role::kAssistant)
      return missing(fields.name("content"));
    add_turn(request.generate.messages, std::move(message), of_tool || called, last_of_tools);
    return {};
  }
};

}  // namespace

Result<void> add_ollama_images(const json::value& value, const std::string& param,
                               const ChatLimits& limits, ChatRequest& request, Message& out) {
  if (!value.is_array()) return wrong_value(param, "an array of strings", value);
  const json::array& array = value.get_array();
  for (std::size_t i = 0; i < array.size(); ++i) {
    std::string path = fmt::format("{}[{}]", param, i);
    if (!array[i].is_string()) return wrong_value(path, "base64, or a data: URL", array[i]);
    const std::string_view text(array[i].get_string());
    if (request.images.size() == limits.max_images) return too_many_images(limits, std::move(path));
    const ImagePart part{static_cast<int>(request.images.size())};
    // No letter of base64 is a colon.
    OC_RETURN_IF_ERROR(text.find(':') < 16
                           ? add_image(request, text, std::move(path), {}, limits)
                           : add_base64_image(request, text, std::move(path), {}, limits));
    out.parts.emplace_back(part);
  }
  return {};
}

Result<void> parse_ollama_turns(const json::array& messages, const ChatLimits& limits,
                                ChatRequest& request) {
  OllamaTurnParser parser{.limits = limits, .request = request};
  for (std::size_t i = 0; i < messages.size(); ++i) {
    OC_ASSIGN_OR_RETURN(const JsonFields fields, object_in(messages, i, "messages"));
    OC_RETURN_IF_ERROR(parser.turn(fields));
  }
  // The template closes an assistant's turn; a model asked to go on behind it says nothing.
  if (!messages.empty() && request.generate.messages.back().role == Role::kAssistant)
    return Error{ErrorCode::kInvalidArgument, "the last message must not be the assistant's",
                 "end with the user's question", fmt::format("messages[{}]", messages.size() - 1)};
  return {};
}

}  // namespace oc
