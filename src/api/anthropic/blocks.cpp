#include "api/anthropic/blocks.h"

#include <fmt/format.h>

#include <array>
#include <boost/json/array.hpp>
#include <utility>

#include "api/anthropic/fields.h"
#include "api/json_fields.h"
#include "api/no_effect.h"
#include "api/request_images.h"
#include "api/tool_turns.h"
#include "base/ascii.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 3> kLabels = {"cache_control", "citations",
                                                     "transformations"};

Error missing(std::string param, std::string hint = {}) {
  std::string message = fmt::format("\"{}\" is missing", param);
  return {ErrorCode::kInvalidArgument, std::move(message), std::move(hint), std::move(param)};
}

// Which blocks a turn may hold.
std::string_view kinds(Role role, bool in_result) {
  if (role == Role::kSystem) return "text blocks";
  if (role == Role::kAssistant) return "text, tool_use and thinking blocks";
  return in_result ? "text and image blocks" : "text, image and tool_result blocks";
}

struct BlockParser {
  const ChatLimits& limits;
  ChatRequest& request;
  std::size_t blocks = 0, pictures = 0;
  std::string_view place = "messages[].content[].";  // of its blocks, in warnings
  ToolTurns tools = {};
  bool last_of_tools = false;  // the last turn had a call or a result

  Result<void> count(const std::string& path) {
    if (++blocks <= limits.max_parts) return {};
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("more than {} content blocks", limits.max_parts), "", path};
  }

  Result<void> only(const JsonFields& block, std::initializer_list<std::string_view> names) {
    std::vector<std::string_view> known = {"type"};
    known.insert(known.end(), names.begin(), names.end());
    known.insert(known.end(), kLabels.begin(), kLabels.end());
    OC_RETURN_IF_ERROR(block.only(known));
    NoEffect(request.without_effect).add_present(block, place, kLabels);
    return {};
  }

  Result<std::string_view> required(const JsonFields& fields, std::string_view key) {
    OC_ASSIGN_OR_RETURN(const auto text, fields.string(key));
    if (!text) return missing(fields.name(key));
    return *text;
  }

  Result<void> text(const JsonFields& block, Message& out) {
    OC_RETURN_IF_ERROR(only(block, {"text"}));
    OC_ASSIGN_OR_RETURN(const std::string_view text, required(block, "text"));
    out.parts.emplace_back(TextPart{std::string(text)});
    return {};
  }

  // {"source": {"type": "base64", "media_type", "data"}}, or of the type url.
  Result<void> image(const JsonFields& block, Message& out) {
    OC_RETURN_IF_ERROR(only(block, {"source"}));
    OC_ASSIGN_OR_RETURN(const auto source, block.object("source"));
    if (!source) return missing(block.name("source"), R"({"type": "base64", "data": …})");
    OC_ASSIGN_OR_RETURN(const std::string_view type, required(*source, "type"));
    const bool base64 = type == "base64";
    if (!base64 && type != "url")
      return Error{ErrorCode::kUnsupported,
                   fmt::format("\"{}\" must be \"base64\" or \"url\"", source->name("type")),
                   "files are not kept here: send the picture itself", source->name("type")};
    OC_RETURN_IF_ERROR(
        source->only(std::array<std::string_view, 4>{"type", "media_type", "data", "url"}));
    // What it is is seen from its bytes.
    OC_ASSIGN_OR_RETURN([[maybe_unused]] const auto media, source->string("media_type"));
    const std::string_view key = base64 ? "data" : "url";
    OC_ASSIGN_OR_RETURN(const std::string_view data, required(*source, key));
    std::string param = source->name(key);
    if (pictures == limits.max_images) return too_many_images(limits, std::move(param));
    ++pictures;
    const ImagePart part{static_cast<int>(request.images.size())};
    // Some send the whole data: URL as the data. No letter of base64 is a colon.
    const bool alone = base64 && !starts_with_ignoring_case(data, "data:");
    OC_RETURN_IF_ERROR(alone ? add_base64_image(request, data, std::move(param), {}, limits)
                             : add_image(request, data, std::move(param), {}, limits));
    out.parts.emplace_back(part);
    return {};
  }

  Result<void> call(const JsonFields& block, Message& out) {
    OC_RETURN_IF_ERROR(only(block, {"id", "name", "input", "caller"}));
    OC_ASSIGN_OR_RETURN(const std::string_view name, required(block, "name"));
    OC_ASSIGN_OR_RETURN(const auto id, block.string("id"));
    OC_ASSIGN_OR_RETURN(const auto input, block.object("input"));
    out.parts.emplace_back(TextPart{
        tools.call(name, input ? json_text(input->raw()) : std::string("{}"), id.value_or(""))});
    return {};
  }

  // What a tool brought: a string, or blocks of text and pictures.
  Result<void> result(const JsonFields& block, Message& out) {
    OC_RETURN_IF_ERROR(only(block, {"tool_use_id", "content", "is_error"}));
    OC_ASSIGN_OR_RETURN(const std::string_view id, required(block, "tool_use_id"));
    OC_ASSIGN_OR_RETURN([[maybe_unused]] const auto failed, block.boolean("is_error"));
    out.parts.emplace_back(TextPart{tools.result_heading(id, "")});
    const json::value* content = block.find("content");
    if (content == nullptr) return {};
    return add_content(*content, block.name("content"), out, true);
  }

  Result<bool> add_block(const JsonFields& block, Message& out, bool in_result) {
    OC_ASSIGN_OR_RETURN(const std::string_view type, required(block, "type"));
    const bool user = out.role == Role::kUser;
    if (type == "text") {
      OC_RETURN_IF_ERROR(text(block, out));
      return false;
    }
    if (type == "image" && user) {
      OC_RETURN_IF_ERROR(image(block, out));
      return false;
    }
    if (type == "tool_use" && out.role == Role::kAssistant) {
      OC_RETURN_IF_ERROR(call(block, out));
      return true;
    }
    if (type == "tool_result" && user && !in_result) {
      OC_RETURN_IF_ERROR(result(block, out));
      return true;
    }
    // Earlier thoughts: no template here has a place for them.
    if ((type == "thinking" || type == "redacted_thinking") && out.role == Role::kAssistant) {
      NoEffect(request.without_effect).add("messages[].content[].thinking");
      return false;
    }
    return Error{ErrorCode::kUnsupported,
                 fmt::format("\"{}\": only {} are supported here", block.name("type"),
                             kinds(out.role, in_result)),
                 "", block.name("type")};
  }

  Result<void> add_content(const json::value& content, const std::string& param, Message& out,
                           bool in_result, bool* of_tools = nullptr) {
    if (content.is_string()) {
      OC_RETURN_IF_ERROR(count(param));
      out.parts.emplace_back(TextPart{std::string(content.get_string())});
      return {};
    }
    if (!content.is_array()) return wrong_value(param, "a string or an array of blocks", content);
    const json::array& array = content.get_array();
    for (std::size_t i = 0; i < array.size(); ++i) {
      const std::string path = fmt::format("{}[{}]", param, i);
      OC_RETURN_IF_ERROR(count(path));
      if (!array[i].is_object()) return wrong_value(path, "an object", array[i]);
      OC_ASSIGN_OR_RETURN(const bool tool,
                          add_block(JsonFields(array[i].get_object(), path), out, in_result));
      if (of_tools != nullptr) *of_tools |= tool;
    }
    return {};
  }

  Result<void> turn(const json::value& value, const std::string& path) {
    if (!value.is_object()) return wrong_value(path, "an object", value);
    const JsonFields fields(value.get_object(), path);
    OC_RETURN_IF_ERROR(fields.only(std::array<std::string_view, 2>{"role", "content"}));
    OC_ASSIGN_OR_RETURN(const std::string_view role, required(fields, "role"));
    if (role != "user" && role != "assistant" && role != "system")
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("\"{}\" must be user, assistant or system", fields.name("role")), "",
                   fields.name("role")};
    Message message;
    message.role = role == "user"        ? Role::kUser
                   : role == "assistant" ? Role::kAssistant
                                         : Role::kSystem;
    const json::value* content = fields.find("content");
    const std::string param = fields.name("content");
    if (content == nullptr) return missing(param);
    bool of_tools = false;
    OC_RETURN_IF_ERROR(add_content(*content, param, message, false, &of_tools));
    // An assistant's turn may have held thoughts only.
    if (message.parts.empty()) {
      if (message.role == Role::kAssistant && !content->get_array().empty()) return {};
      return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is empty", param), "", param};
    }
    add_turn(request.generate.messages, std::move(message), of_tools, last_of_tools);
    return {};
  }
};

}  // namespace

Result<void> parse_system(const json::value& value, const ChatLimits& limits,
                          ChatRequest& request) {
  BlockParser parser{.limits = limits, .request = request, .place = "system[]."};
  Message message;
  message.role = Role::kSystem;
  if (value.is_string()) {
    message.parts.emplace_back(TextPart{std::string(value.get_string())});
  } else if (!value.is_array()) {
    return wrong_value("system", "a string or an array of blocks", value);
  } else {
    const json::array& array = value.get_array();
    for (std::size_t i = 0; i < array.size(); ++i) {
      const std::string path = fmt::format("system[{}]", i);
      OC_RETURN_IF_ERROR(parser.count(path));
      if (!array[i].is_object()) return wrong_value(path, "an object", array[i]);
      const JsonFields block(array[i].get_object(), path);
      OC_ASSIGN_OR_RETURN(const auto type, block.string("type"));
      if (type != "text")
        return Error{ErrorCode::kUnsupported,
                     fmt::format("\"{}\" must be \"text\"", block.name("type")), "",
                     block.name("type")};
      OC_RETURN_IF_ERROR(parser.text(block, message));
    }
  }
  // "" and []: there are none.
  const auto* only = message.parts.size() == 1 ? std::get_if<TextPart>(&message.parts[0]) : nullptr;
  if (message.parts.empty() || (only != nullptr && only->text.empty())) return {};
  request.generate.messages.push_back(std::move(message));
  return {};
}

Result<void> parse_turns(const json::value& value, const ChatLimits& limits, ChatRequest& request) {
  if (!value.is_array()) return wrong_value("messages", "an array", value);
  const json::array& array = value.get_array();
  const RequestField& field = messages_field("messages");
  if (array.empty() || array.size() > field.max_size())
    return Error{ErrorCode::kInvalidArgument,
                 array.empty() ? std::string("\"messages\" is empty")
                               : fmt::format("more than {} messages", field.max_size()),
                 "", "messages"};
  BlockParser parser{.limits = limits, .request = request};
  for (std::size_t i = 0; i < array.size(); ++i)
    OC_RETURN_IF_ERROR(parser.turn(array[i], fmt::format("messages[{}]", i)));
  // The template closes an assistant's turn; a model asked to go on behind it says nothing.
  if (request.generate.messages.empty() ||
      request.generate.messages.back().role == Role::kAssistant)
    return Error{ErrorCode::kInvalidArgument, "the last message must not be the assistant's",
                 "end with the user's question", fmt::format("messages[{}]", array.size() - 1)};
  return {};
}

}  // namespace oc
