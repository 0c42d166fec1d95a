#include "api/responses/items.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>

#include "api/no_effect.h"
#include "api/request_images.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxItems = 2048;

Error missing(std::string param) {
  std::string message = fmt::format("\"{}\" is missing", param);
  return {ErrorCode::kInvalidArgument, std::move(message), "", std::move(param)};
}

// What an answer's own items have beside their content, and clients send back with them, is no
// news; but for what concerns caches.
constexpr std::array<std::string_view, 8> kItemLabels = {
    "type", "id", "status", "phase", "created_by", "caller", "namespace", "async"};
constexpr std::array<std::string_view, 1> kCacheLabels = {"prompt_cache_breakpoint"};

Result<void> only(const JsonFields& fields, std::initializer_list<std::string_view> names,
                  ChatRequest& request) {
  std::vector<std::string_view> known(kItemLabels.begin(), kItemLabels.end());
  known.insert(known.end(), kCacheLabels.begin(), kCacheLabels.end());
  known.insert(known.end(), names);
  OC_RETURN_IF_ERROR(fields.only(known));
  NoEffect(request.without_effect).add_present(fields, "input[].", kCacheLabels);
  return {};
}

std::string_view kinds(Role role) {
  if (role == Role::kSystem) return "input_text parts";
  if (role == Role::kAssistant) return "output_text and refusal parts";
  return "input_text and input_image parts";
}

}  // namespace

Result<void> ItemReader::count(const std::string& path) {
  if (++parts_ <= limits_.max_parts) return {};
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("more than {} content parts", limits_.max_parts), "", path};
}

void ItemReader::read_text(std::string_view text) {
  Message turn;
  turn.role = Role::kUser;
  turn.parts.emplace_back(TextPart{std::string(text)});
  add_turn(request_.generate.messages, std::move(turn), false, last_of_tools_);
}

Result<void> ItemReader::read(const json::array& items, std::string_view path) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string at = fmt::format("{}[{}]", path, i);
    if (++items_ > kMaxItems)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("the conversation has more than {} items", kMaxItems),
                   "leave out earlier ones", at};
    OC_RETURN_IF_ERROR(item(items[i], at));
  }
  return {};
}

Result<void> ItemReader::item(const json::value& value, const std::string& path) {
  if (!value.is_object()) return wrong_value(path, "an object", value);
  const JsonFields fields(value.get_object(), path);
  OC_ASSIGN_OR_RETURN(const auto type, fields.string("type"));
  if (!type || *type == "message") return message(fields);
  if (*type == "function_call") return call(fields, "arguments");
  if (*type == "custom_tool_call") return call(fields, "input");
  if (*type == "function_call_output" || *type == "custom_tool_call_output") return result(fields);
  // Earlier thoughts: no template here has a place for them.
  if (*type == "reasoning") {
    NoEffect(request_.without_effect).add("input[].reasoning");
    return {};
  }
  if (*type == "item_reference")
    return Error{ErrorCode::kUnsupported,
                 fmt::format("\"{}\": items are not kept by themselves", fields.name("type")),
                 "send the item, or \"previous_response_id\"", fields.name("type")};
  return Error{ErrorCode::kUnsupported,
               fmt::format("\"{}\": only message, function_call, function_call_output, "
                           "custom_tool_call, custom_tool_call_output and reasoning items are "
                           "supported",
                           fields.name("type")),
               "", fields.name("type")};
}

Result<void> ItemReader::message(const JsonFields& fields) {
  OC_RETURN_IF_ERROR(only(fields, {"role", "content"}, request_));
  OC_ASSIGN_OR_RETURN(const std::string_view role, fields.required_string("role"));
  Message turn;
  if (role == "user")
    turn.role = Role::kUser;
  else if (role == "assistant")
    turn.role = Role::kAssistant;
  else if (role == "system" || role == "developer")
    turn.role = Role::kSystem;
  else
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("\"{}\" must be user, assistant, system or developer", fields.name("role")), "",
        fields.name("role")};
  const json::value* value = fields.find("content");
  if (value == nullptr) return missing(fields.name("content"));
  OC_RETURN_IF_ERROR(content(*value, fields.name("content"), turn));
  // An answer may have been empty.
  if (turn.parts.empty() && turn.role != Role::kAssistant)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("\"{}\" is empty", fields.name("content")), "",
                 fields.name("content")};
  if (!turn.parts.empty())
    add_turn(request_.generate.messages, std::move(turn), false, last_of_tools_);
  return {};
}

Result<void> ItemReader::call(const JsonFields& fields, std::string_view arguments_key) {
  OC_RETURN_IF_ERROR(only(fields, {"call_id", "name", arguments_key}, request_));
  OC_ASSIGN_OR_RETURN(const std::string_view name, fields.required_string("name"));
  OC_ASSIGN_OR_RETURN(const auto id, fields.string("call_id"));
  OC_ASSIGN_OR_RETURN(const auto arguments, fields.string(arguments_key));
  OC_RETURN_IF_ERROR(count(fields.name(arguments_key)));
  Message turn;
  turn.role = Role::kAssistant;
  turn.parts.emplace_back(TextPart{tools_.call(name, arguments.value_or(""), id.value_or(""))});
  add_turn(request_.generate.messages, std::move(turn), true, last_of_tools_);
  return {};
}

// What a tool brought: a string, or parts of text and pictures. The user tells it.
Result<void> ItemReader::result(const JsonFields& fields) {
  OC_RETURN_IF_ERROR(only(fields, {"call_id", "name", "output"}, request_));
  OC_ASSIGN_OR_RETURN(const auto id, fields.string("call_id"));
  OC_ASSIGN_OR_RETURN(const auto name, fields.string("name"));
  const json::value* output = fields.find("output");
  if (output == nullptr) return missing(fields.name("output"));
  Message turn;
  turn.role = Role::kUser;
  turn.parts.emplace_back(TextPart{tools_.result_heading(id.value_or(""), name.value_or(""))});
  OC_RETURN_IF_ERROR(content(*output, fields.name("output"), turn));
  add_turn(request_.generate.messages, std::move(turn), true, last_of_tools_);
  return {};
}

Result<void> ItemReader::content(const json::value& value, const std::string& param, Message& out) {
  if (value.is_string()) {
    OC_RETURN_IF_ERROR(count(param));
    out.parts.emplace_back(TextPart{std::string(value.get_string())});
    return {};
  }
  if (!value.is_array()) return wrong_value(param, "a string or an array of parts", value);
  const json::array& array = value.get_array();
  for (std::size_t i = 0; i < array.size(); ++i) {
    const std::string path = fmt::format("{}[{}]", param, i);
    OC_RETURN_IF_ERROR(count(path));
    if (!array[i].is_object()) return wrong_value(path, "an object", array[i]);
    OC_RETURN_IF_ERROR(part(JsonFields(array[i].get_object(), path), out));
  }
  return {};
}

Result<void> ItemReader::part(const JsonFields& fields, Message& out) {
  OC_ASSIGN_OR_RETURN(const std::string_view type, fields.required_string("type"));
  const bool assistant = out.role == Role::kAssistant;
  if (type == "input_image" && out.role == Role::kUser) return picture(fields, out);
  const bool refusal = assistant && type == "refusal";
  if (!refusal && type != (assistant ? "output_text" : "input_text") &&
      !(assistant && type == "input_text"))
    return Error{
        ErrorCode::kUnsupported,
        fmt::format("\"{}\": only {} are supported here", fields.name("type"), kinds(out.role)), "",
        fields.name("type")};
  const std::string_view key = refusal ? "refusal" : "text";
  OC_RETURN_IF_ERROR(only(fields, {key, "annotations", "logprobs"}, request_));
  OC_ASSIGN_OR_RETURN(const std::string_view text, fields.required_string(key));
  out.parts.emplace_back(TextPart{std::string(text)});
  return {};
}

Result<void> ItemReader::picture(const JsonFields& fields, Message& out) {
  OC_RETURN_IF_ERROR(only(fields, {"image_url", "detail", "file_id"}, request_));
  if (fields.find("file_id") != nullptr)
    return Error{ErrorCode::kUnsupported,
                 fmt::format("\"{}\": files are not kept here", fields.name("file_id")),
                 "send the picture itself in \"image_url\"", fields.name("file_id")};
  OC_ASSIGN_OR_RETURN(const std::string_view url, fields.required_string("image_url"));
  OC_ASSIGN_OR_RETURN(const auto detail, fields.string("detail"));
  ImageOptions options;
  if (detail == "low")
    options.detail = ImageDetail::kLow;
  else if (detail == "high" || detail == "original")
    options.detail = ImageDetail::kHigh;
  else if (detail && *detail != "auto")
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("\"{}\" must be low, auto, high or original", fields.name("detail")),
                 "", fields.name("detail")};
  std::string param = fields.name("image_url");
  if (request_.images.size() == limits_.max_images)
    return too_many_images(limits_, std::move(param), "conversation");
  const ImagePart part{static_cast<int>(request_.images.size())};
  OC_RETURN_IF_ERROR(add_image(request_, url, std::move(param), std::move(options), limits_));
  out.parts.emplace_back(part);
  return {};
}

}  // namespace oc
