#include "api/openai_messages.h"

#include <fmt/format.h>

#include <array>

#include "api/data_uri.h"
#include "api/json_fields.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr int kCropsLow = 1;    // detail: "low"
constexpr int kCropsHigh = 16;  // detail: "high"; "auto" is the model's default

struct MessageParser {
  const ChatLimits& limits;
  ChatRequest& request;
  std::size_t parts = 0;

  Result<void> count_part(const std::string& path) {
    if (++parts > limits.max_parts)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("more than {} content parts", limits.max_parts), "", path};
    return {};
  }

  Result<Role> role(const JsonFields& fields) {
    OC_ASSIGN_OR_RETURN(const auto name, fields.string("role"));
    const std::string param = fields.name("role");
    if (!name)
      return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is missing", param), "", param};
    if (*name == "user") return Role::kUser;
    if (*name == "assistant") return Role::kAssistant;
    if (*name == "system" || *name == "developer") return Role::kSystem;
    if (*name == "tool" || *name == "function")
      return Error{ErrorCode::kUnsupported,
                   fmt::format("\"{}\": tool messages are not supported yet", param), "", param};
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("\"{}\" must be system, developer, user or assistant", param), "",
                 param};
  }

  Result<Part> image(const JsonFields& part) {
    const std::string param = part.name("image_url");
    const json::value* value = part.find("image_url");
    if (value == nullptr)
      return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is missing", param), "", param};
    if (!value->is_object()) {
      Error error = wrong_value(param, "an object", *value);
      error.hint = R"({"url": "data:image/...;base64,..."})";
      return error;
    }
    const JsonFields fields(value->get_object(), param);
    static constexpr std::array<std::string_view, 3> kKnown = {"url", "detail", "num_crops"};
    OC_RETURN_IF_ERROR(fields.only(kKnown));
    OC_ASSIGN_OR_RETURN(const auto url, fields.string("url"));
    const std::string url_param = fields.name("url");
    if (!url)
      return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is missing", url_param), "",
                   url_param};
    if (request.images.size() == limits.max_images)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("more than {} pictures in one request", limits.max_images), "",
                   param};
    EncodedImage encoded;
    encoded.param = url_param;
    OC_ASSIGN_OR_RETURN(const auto detail, fields.string("detail"));
    if (detail) {
      if (*detail == "low")
        encoded.num_crops = kCropsLow;
      else if (*detail == "high")
        encoded.num_crops = kCropsHigh;
      else if (*detail != "auto")
        return Error{ErrorCode::kInvalidArgument,
                     fmt::format("\"{}\" must be low, auto or high", fields.name("detail")), "",
                     fields.name("detail")};
    }
    OC_ASSIGN_OR_RETURN(const auto crops, fields.integer("num_crops", 1, 64));
    if (crops) encoded.num_crops = static_cast<int>(*crops);
    auto bytes = decode_data_uri(*url, limits.max_image_bytes);
    if (!bytes) {
      Error error = bytes.error();
      error.message = fmt::format("\"{}\": {}", url_param, error.message);
      error.param = url_param;
      return error;
    }
    encoded.bytes = std::move(*bytes);
    const ImagePart result{static_cast<int>(request.images.size())};
    request.images.push_back(std::move(encoded));
    return Part(result);
  }

  Result<Part> part(const json::value& value, const std::string& path, Role role) {
    OC_RETURN_IF_ERROR(count_part(path));
    if (!value.is_object()) return wrong_value(path, "an object", value);
    const JsonFields fields(value.get_object(), path);
    OC_ASSIGN_OR_RETURN(const auto type, fields.string("type"));
    const std::string type_param = fields.name("type");
    if (!type)
      return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is missing", type_param), "",
                   type_param};
    if (*type == "text") {
      static constexpr std::array<std::string_view, 2> kKnown = {"type", "text"};
      OC_RETURN_IF_ERROR(fields.only(kKnown));
      OC_ASSIGN_OR_RETURN(const auto text, fields.string("text"));
      if (!text)
        return Error{ErrorCode::kInvalidArgument,
                     fmt::format("\"{}\" is missing", fields.name("text")), "",
                     fields.name("text")};
      return Part(TextPart{std::string(*text)});
    }
    if (*type == "image_url") {
      if (role != Role::kUser)
        return Error{ErrorCode::kInvalidArgument,
                     fmt::format("\"{}\": pictures belong into user messages", path), "", path};
      static constexpr std::array<std::string_view, 2> kKnown = {"type", "image_url"};
      OC_RETURN_IF_ERROR(fields.only(kKnown));
      return image(fields);
    }
    return Error{ErrorCode::kUnsupported,
                 fmt::format("\"{}\": only text and image_url parts are supported", type_param), "",
                 type_param};
  }

  // Fields that clients send back when they repeat an answer as history: fine while empty.
  Result<void> check_leftovers(const JsonFields& fields) {
    for (const std::string_view key :
         {"refusal", "tool_calls", "function_call", "audio", "annotations"}) {
      const json::value* value = fields.find(key);
      if (value == nullptr || (value->is_array() && value->get_array().empty())) continue;
      return Error{ErrorCode::kUnsupported,
                   fmt::format("\"{}\" is not supported yet", fields.name(key)), "",
                   fields.name(key)};
    }
    OC_ASSIGN_OR_RETURN(const auto name, fields.string("name"));
    (void)name;  // a label of the speaker; the model's template has no place for it
    return {};
  }

  Result<void> message(const json::value& value, const std::string& path) {
    if (!value.is_object()) return wrong_value(path, "an object", value);
    const JsonFields fields(value.get_object(), path);
    static constexpr std::array<std::string_view, 8> kKnown = {
        "role",       "content",       "name",  "refusal",
        "tool_calls", "function_call", "audio", "annotations"};
    OC_RETURN_IF_ERROR(fields.only(kKnown));
    OC_RETURN_IF_ERROR(check_leftovers(fields));
    Message message;
    OC_ASSIGN_OR_RETURN(message.role, role(fields));
    const std::string param = fields.name("content");
    const json::value* content = fields.find("content");
    if (content == nullptr) {
      if (message.role != Role::kAssistant)
        return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is missing", param), "",
                     param};
    } else if (content->is_string()) {
      OC_RETURN_IF_ERROR(count_part(param));
      message.parts.push_back(TextPart{std::string(std::string_view(content->get_string()))});
    } else if (content->is_array()) {
      const json::array& array = content->get_array();
      if (array.empty())
        return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is empty", param), "", param};
      for (std::size_t i = 0; i < array.size(); ++i) {
        OC_ASSIGN_OR_RETURN(Part next,
                            part(array[i], fmt::format("{}[{}]", param, i), message.role));
        message.parts.push_back(std::move(next));
      }
    } else {
      return wrong_value(param, "a string or an array of parts", *content);
    }
    request.generate.messages.push_back(std::move(message));
    return {};
  }
};

}  // namespace

Result<void> parse_messages(const json::value& value, const ChatLimits& limits,
                            ChatRequest& request) {
  if (!value.is_array()) return wrong_value("messages", "an array", value);
  const json::array& array = value.get_array();
  if (array.empty())
    return Error{ErrorCode::kInvalidArgument, "\"messages\" is empty", "", "messages"};
  if (array.size() > limits.max_messages)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("more than {} messages", limits.max_messages), "", "messages"};
  MessageParser parser{limits, request};
  for (std::size_t i = 0; i < array.size(); ++i)
    OC_RETURN_IF_ERROR(parser.message(array[i], fmt::format("messages[{}]", i)));
  // The template closes an assistant's turn; a model asked to go on behind it says nothing.
  if (request.generate.messages.back().role == Role::kAssistant)
    return Error{ErrorCode::kInvalidArgument, "the last message must not be the assistant's",
                 "end with the user's question", fmt::format("messages[{}]", array.size() - 1)};
  return {};
}

}  // namespace oc
