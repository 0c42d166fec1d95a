#include "api/openai/messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "api/json_fields.h"
#include "api/openai/chat_fields.h"
#include "api/openai/fields.h"
#include "api/openai/image_fields.h"
#include "api/openai/tools.h"
#include "api/request_images.h"
#include "models/video_frames.h"

namespace oc {
namespace {

namespace json = boost::json;

// What clients send back with an answer, or for caches and lists of their own. The model's template
// has no place for it, a speaker's name and earlier thoughts included.
constexpr auto kMessageLabels = std::to_array<std::string_view>(
    {"id", "name", "annotations", "cache_control", "created_at", "metadata",
     "provider_specific_fields", "reasoning", "reasoning_content", "reasoning_details", "thinking",
     "thinking_blocks", "timestamp"});
constexpr auto kPartLabels =
    std::to_array<std::string_view>({"id", "annotations", "cache_control", "metadata"});
constexpr auto kImageLabels = std::to_array<std::string_view>({"format"});

template <std::size_t N, std::size_t M>
constexpr auto joined(const std::array<std::string_view, N>& a,
                      const std::array<std::string_view, M>& b) {
  std::array<std::string_view, N + M> out;
  std::ranges::copy(b, std::ranges::copy(a, out.begin()).out);
  return out;
}

struct Speaker {
  Role role = Role::kUser;
  bool tool = false;  // its result is told by the user
};

struct ConversationParser {
  const ChatLimits& limits;
  ChatRequest& request;
  std::size_t parts = 0;
  std::size_t pictures = 0, frames = 0;  // of videos
  ToolHistory tools = {};
  bool last_of_tools = false;  // the last message was a call or a result

  Result<void> count_part(const std::string& path) {
    if (++parts > limits.max_parts)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("more than {} content parts", limits.max_parts), "", path};
    return {};
  }

  NoEffect no_effect() const { return NoEffect(request.without_effect); }

  Result<Speaker> speaker(const JsonFields& fields) {
    OC_ASSIGN_OR_RETURN(const auto name, fields.string("role"));
    const std::string param = fields.name("role");
    if (!name)
      return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is missing", param), "", param};
    if (*name == "user") return Speaker{Role::kUser};
    if (*name == "assistant") return Speaker{Role::kAssistant};
    if (*name == "system" || *name == "developer") return Speaker{Role::kSystem};
    if (*name == "tool" || *name == "function") return Speaker{Role::kUser, true};
    return Error{
        ErrorCode::kInvalidArgument,
        fmt::format("\"{}\" must be system, developer, user, assistant, tool or function", param),
        "", param};
  }

  // The picture in a data URI that stands at `param`.
  Result<Part> take_image(std::string_view uri, std::string param, ImageOptions options) {
    if (pictures == limits.max_images) return too_many_images(limits, std::move(param));
    ++pictures;
    const ImagePart result{static_cast<int>(request.images.size())};
    OC_RETURN_IF_ERROR(add_image(request, uri, std::move(param), std::move(options), limits));
    return Part(result);
  }

  Result<std::optional<ImageDetail>> detail(const JsonFields& fields) {
    OC_ASSIGN_OR_RETURN(const auto detail, fields.string("detail"));
    if (!detail || *detail == "auto") return std::nullopt;
    if (*detail == "low") return ImageDetail::kLow;
    if (*detail == "high" || *detail == "original") return ImageDetail::kHigh;
    if (!detail->empty())
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("\"{}\" must be low, auto, high or original", fields.name("detail")),
                   "", fields.name("detail")};
    no_effect().add("messages[].content[].image_url.detail");  // it was left empty
    return std::nullopt;
  }

  // OpenAI has an object; some clients send its url alone.
  Result<Part> image(const JsonFields& part) {
    const std::string param = part.name("image_url");
    const json::value* value = part.find("image_url");
    if (value == nullptr)
      return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is missing", param), "", param};
    if (value->is_string()) return take_image(value->get_string(), param, {});
    if (!value->is_object()) {
      Error error = wrong_value(param, "an object or a string", *value);
      error.hint = R"({"url": "data:image/...;base64,..."})";
      return error;
    }
    const JsonFields fields(value->get_object(), param);
    std::vector<std::string_view> known = knob_names();
    known.insert(known.end(), {"url", "detail"});
    known.insert(known.end(), kImageLabels.begin(), kImageLabels.end());
    OC_RETURN_IF_ERROR(fields.only(known));
    no_effect().add_present(fields, "messages[].content[].image_url.", kImageLabels);
    OC_ASSIGN_OR_RETURN(const auto url, fields.string("url"));
    const std::string url_param = fields.name("url");
    if (!url)
      return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is missing", url_param), "",
                   url_param};
    ImageOptions options;
    OC_ASSIGN_OR_RETURN(const auto wanted, detail(fields));
    if (wanted) options.detail = *wanted;
    OC_ASSIGN_OR_RETURN(options.knobs, parse_knobs(fields));
    return take_image(*url, url_param, std::move(options));
  }

  // Ours: {"type": "video_frames", "frames": [url, …], "fps": 1}.
  Result<Part> video_frames(const JsonFields& part) {
    OC_RETURN_IF_ERROR(check_part(part, std::to_array<std::string_view>({"frames", "fps"})));
    const std::string param = part.name("frames");
    const json::value* value = part.find("frames");
    if (value == nullptr || !value->is_array())
      return value == nullptr ? Error{ErrorCode::kInvalidArgument,
                                      fmt::format("\"{}\" is missing", param), "", param}
                              : wrong_value(param, "an array of data: URLs", *value);
    const json::array& urls = value->get_array();
    if (urls.empty())
      return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is empty", param), "", param};
    frames += urls.size();
    if (frames > limits.max_frames)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("more than {} frames in one request", limits.max_frames),
                   "send fewer, and an fps that fits them, or raise --max-frames", param};
    OC_ASSIGN_OR_RETURN(const auto fps, part.number("fps", kMinFps, kMaxFps));
    const FramesPart result{.first = static_cast<int>(request.images.size()),
                            .count = static_cast<int>(urls.size()),
                            .fps = fps.value_or(1)};
    for (std::size_t i = 0; i < urls.size(); ++i) {
      std::string name = fmt::format("{}[{}]", param, i);
      OC_RETURN_IF_ERROR(count_part(name));
      if (!urls[i].is_string()) return wrong_value(std::move(name), "a data: URL", urls[i]);
      OC_RETURN_IF_ERROR(add_image(request, urls[i].get_string(), std::move(name), {}, limits));
    }
    return Part(result);
  }

  template <std::size_t N>
  Result<void> check_part(const JsonFields& fields, const std::array<std::string_view, N>& known) {
    OC_RETURN_IF_ERROR(
        fields.only(joined(joined(std::to_array<std::string_view>({"type"}), known), kPartLabels)));
    no_effect().add_present(fields, "messages[].content[].", kPartLabels);
    return {};
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
    // A refusal is what the assistant said instead of an answer.
    if (*type == "text" || (*type == "refusal" && role == Role::kAssistant)) {
      OC_RETURN_IF_ERROR(check_part(fields, std::array{*type}));
      OC_ASSIGN_OR_RETURN(const auto text, fields.string(*type));
      if (!text)
        return Error{ErrorCode::kInvalidArgument,
                     fmt::format("\"{}\" is missing", fields.name(*type)), "", fields.name(*type)};
      return Part(TextPart{std::string(*text)});
    }
    if (*type == "image_url" || *type == "video_frames") {
      if (role != Role::kUser)
        return Error{ErrorCode::kInvalidArgument,
                     fmt::format("\"{}\": pictures belong into user messages", path), "", path};
      if (*type == "video_frames") return video_frames(fields);
      OC_RETURN_IF_ERROR(check_part(fields, std::array{*type}));
      return image(fields);
    }
    return Error{ErrorCode::kUnsupported,
                 fmt::format("\"{}\": only text, image_url and video_frames parts are supported",
                             type_param),
                 "", type_param};
  }

  Result<void> check_fields(const JsonFields& fields, const Speaker& speaker) {
    static constexpr auto kKnown = joined(
        std::to_array<std::string_view>({"role", "content", "refusal", "tool_calls", "tool_call_id",
                                         "function_call", "audio", "prefix"}),
        kMessageLabels);
    if (fields.find("images") != nullptr)  // Ollama's
      return Error{
          ErrorCode::kUnsupported, fmt::format("unknown parameter \"{}\"", fields.name("images")),
          R"(pictures are parts of "content" here: {"type": "image_url", "image_url": {"url": "data:image/...;base64,..."}})",
          fields.name("images")};
    OC_RETURN_IF_ERROR(fields.only(kKnown));
    // Speech of earlier answers, and an answer to be gone on with.
    for (const std::string_view key : {"audio", "prefix"}) {
      const json::value* value = fields.find(key);
      if (value == nullptr || (value->is_bool() && !value->get_bool())) continue;
      return Error{ErrorCode::kUnsupported,
                   fmt::format("\"{}\" is not supported", fields.name(key)), "", fields.name(key)};
    }
    for (const std::string_view key : {"name", "tool_call_id"}) {
      OC_ASSIGN_OR_RETURN(const auto text, fields.string(key));
      (void)text;
    }
    // A tool's name is shown, and its result is told by its call.
    const std::span<const std::string_view> labels(kMessageLabels);
    for (std::size_t i = 0; i < labels.size(); ++i)
      if (!speaker.tool || labels[i] != "name")
        no_effect().add_present(fields, "messages[].", labels.subspan(i, 1));
    if (!speaker.tool && fields.find("tool_call_id") != nullptr)
      no_effect().add("messages[].tool_call_id");
    return {};
  }

  Result<void> add_text(std::string_view text, const std::string& path, Message& message) {
    OC_RETURN_IF_ERROR(count_part(path));
    message.parts.push_back(TextPart{std::string(text)});
    return {};
  }

  Result<void> add_content(const json::value& content, const std::string& param, Message& message) {
    if (content.is_string())
      return add_text(std::string_view(content.get_string()), param, message);
    if (!content.is_array()) return wrong_value(param, "a string or an array of parts", content);
    const json::array& array = content.get_array();
    for (std::size_t i = 0; i < array.size(); ++i) {
      OC_ASSIGN_OR_RETURN(Part next, part(array[i], fmt::format("{}[{}]", param, i), message.role));
      message.parts.push_back(std::move(next));
    }
    return {};
  }

  // What the assistant said beside `content`: why it would not answer, and which tools it called.
  // → whether it called any.
  Result<bool> add_calls(const JsonFields& fields, Message& message) {
    OC_ASSIGN_OR_RETURN(const auto refusal, fields.string("refusal"));
    if (refusal && !refusal->empty())
      OC_RETURN_IF_ERROR(add_text(*refusal, fields.name("refusal"), message));
    const std::size_t said = message.parts.size();
    OC_ASSIGN_OR_RETURN(const bool called, tools.add_calls(fields, message));
    if (!called) return false;
    if (message.role != Role::kAssistant)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("\"{}\": only the assistant calls tools", fields.name("role")), "",
                   fields.name("role")};
    for (std::size_t i = said; i < message.parts.size(); ++i)
      OC_RETURN_IF_ERROR(count_part(fields.name("tool_calls")));
    std::erase_if(message.parts, [](const Part& part) {  // "content": "" beside a call
      const auto* text = std::get_if<TextPart>(&part);
      return text != nullptr && text->text.empty();
    });
    return true;
  }

  Result<void> message(const json::value& value, const std::string& path) {
    if (!value.is_object()) return wrong_value(path, "an object", value);
    const JsonFields fields(value.get_object(), path);
    OC_ASSIGN_OR_RETURN(const Speaker speaker, this->speaker(fields));
    OC_RETURN_IF_ERROR(check_fields(fields, speaker));
    Message message;
    message.role = speaker.role;
    const std::string param = fields.name("content");
    if (speaker.tool) {
      OC_ASSIGN_OR_RETURN(const std::string heading, tools.heading(fields));
      OC_RETURN_IF_ERROR(add_text(heading, param, message));
    }
    const json::value* content = fields.find("content");
    if (content != nullptr) OC_RETURN_IF_ERROR(add_content(*content, param, message));
    OC_ASSIGN_OR_RETURN(const bool called, add_calls(fields, message));
    if (content == nullptr && message.role != Role::kAssistant)
      return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is missing", param), "", param};
    if (content != nullptr && message.parts.empty() && !called)
      return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is empty", param), "", param};
    add_turn(request.generate.messages, std::move(message), speaker.tool || called, last_of_tools);
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
  if (array.size() > chat_field("messages").max_size())
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("more than {} messages", chat_field("messages").max_size()), "",
                 "messages"};
  ConversationParser parser{.limits = limits, .request = request};
  for (std::size_t i = 0; i < array.size(); ++i)
    OC_RETURN_IF_ERROR(parser.message(array[i], fmt::format("messages[{}]", i)));
  // The template closes an assistant's turn; a model asked to go on behind it says nothing.
  if (request.generate.messages.back().role == Role::kAssistant)
    return Error{ErrorCode::kInvalidArgument, "the last message must not be the assistant's",
                 "end with the user's question", fmt::format("messages[{}]", array.size() - 1)};
  return {};
}

}  // namespace oc
