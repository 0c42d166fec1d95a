#include "api/mcp/tools.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <span>
#include <utility>

#include "io/json.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::string_view kPicture =
    "The picture: a file's path, an https address, or its bytes in base64 (also as a data: URL)";
constexpr std::size_t kMaxTextBytes = 64u << 10;

// How a tool is asked: with a question of its own, with the caller's, or for objects.
enum class ToolKind { kAsk, kQuestion, kObjects };

struct PictureTool {
  std::string_view name, title, description;
  ToolKind kind = ToolKind::kQuestion;
  std::string_view argument = {};  // beside the picture
  std::string_view argument_meaning = {};
  std::string_view question = {};  // kQuestion
  std::string_view path = {};      // kObjects: where it is asked
};

constexpr std::array kTools = {
    PictureTool{.name = "ask_about_picture",
                .title = "Ask about a picture",
                .description =
                    "Answers a question about a picture, in words. Ask about one thing at a time.",
                .kind = ToolKind::kAsk,
                .argument = "question",
                .argument_meaning = "What is asked, in one sentence"},
    PictureTool{.name = "describe",
                .title = "Describe a picture",
                .description = "Says what a picture shows.",
                .question = "Describe the image."},
    PictureTool{.name = "read_text",
                .title = "Read the text in a picture",
                .description = "Writes down the text that is to be read in a picture.",
                .question = "What is written in this picture?"},
    PictureTool{.name = "detect",
                .title = "Find things in a picture",
                .description =
                    "Boxes around all things of a name. Coordinates are shares of the picture's "
                    "width and height, from 0 to 1, from its upper left corner.",
                .kind = ToolKind::kObjects,
                .argument = "object",
                .argument_meaning = "What is to be found: \"a bicycle\"",
                .path = "/v1/detect"},
    PictureTool{.name = "point",
                .title = "Point at things in a picture",
                .description =
                    "The middle of all things of a name, in shares of the picture's width and "
                    "height, from 0 to 1, from its upper left corner.",
                .kind = ToolKind::kObjects,
                .argument = "object",
                .argument_meaning = "What is to be pointed at: \"the door\"",
                .path = "/v1/point"},
};

json::object text_field(std::string_view meaning) {
  return {{"type", "string"}, {"minLength", 1}, {"description", meaning}};
}

json::object described(const PictureTool& tool) {
  json::object properties{{"picture", text_field(kPicture)}};
  json::array required{"picture"};
  if (!tool.argument.empty()) {
    properties[tool.argument] = text_field(tool.argument_meaning);
    required.emplace_back(tool.argument);
  }
  return {{"name", tool.name},
          {"title", tool.title},
          {"description", tool.description},
          {"inputSchema", json::object{{"type", "object"},
                                       {"properties", std::move(properties)},
                                       {"required", std::move(required)},
                                       {"additionalProperties", false}}},
          {"annotations", json::object{{"readOnlyHint", true}, {"openWorldHint", false}}}};
}

json::object text_block(std::string_view text) { return {{"type", "text"}, {"text", text}}; }

std::string told(json::array content, bool failed) {
  return json_text(json::object{{"content", std::move(content)}, {"isError", failed}});
}

std::string failure(const Error& error) { return told({text_block(error.describe())}, true); }

// The two texts of a call.
struct Arguments {
  std::string picture, other;
};

Result<Arguments> read_arguments(const PictureTool& tool, std::string_view text) {
  OC_ASSIGN_OR_RETURN(const json::value value, parse_json(text, "arguments", 8));
  const json::object& given = value.get_object();
  Arguments out;
  for (const auto& [key, one] : given) {
    const bool picture = key == "picture";
    if (!picture && (tool.argument.empty() || key != tool.argument))
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} takes no \"{}\"", tool.name, std::string_view(key))};
    if (!one.is_string() || one.get_string().empty())
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("\"{}\" must be a text, and found {}", std::string_view(key),
                               shown_value(one))};
    if (!picture && one.get_string().size() > kMaxTextBytes)
      return Error{ErrorCode::kTooLarge, fmt::format("\"{}\" has more than {} bytes",
                                                     std::string_view(key), kMaxTextBytes)};
    (picture ? out.picture : out.other) = one.get_string();
  }
  if (out.picture.empty())
    return Error{ErrorCode::kInvalidArgument, "\"picture\" is missing", std::string(kPicture)};
  if (!tool.argument.empty() && out.other.empty())
    return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is missing", tool.argument),
                 std::string(tool.argument_meaning)};
  return out;
}

// A caller knows the fields of its call, not those of the request that was made of it.
std::string failure(const ReplyError& error) {
  std::string_view message = error.message;
  const std::string field = fmt::format("\"{}\"", error.param);
  if (error.param.empty() || !message.starts_with(field)) return told({text_block(message)}, true);
  const bool picture = error.param.find("image_url") != error.param.npos;
  message.remove_prefix(field.size());
  return told({text_block(fmt::format("\"{}\"{}",
                                      picture                               ? "picture"
                                      : error.param.starts_with("messages") ? "question"
                                                                            : error.param,
                                      message))},
              true);
}

// Beside the answer, for whoever reads it.
json::object note(std::string_view text) { return text_block(fmt::format("({})", text)); }

std::string text_result(const ReadReply& read) {
  if (!read.answer) return failure(read.error);
  const TextAnswer& answer = *read.answer;
  json::array content{answer.text.empty() ? note("The answer is empty.") : text_block(answer.text)};
  if (answer.finish_reason == "length")
    content.push_back(
        note(fmt::format("The answer was cut off behind {} tokens.", answer.completion_tokens)));
  if (!answer.warning.empty()) content.push_back(note(answer.warning));
  return told(std::move(content), false);
}

// The objects or points of an answer, as text and as what programs read.
std::string objects_result(const ChatReply& reply) {
  const ReadReply read = read_reply(reply);
  boost::system::error_code code;
  const json::value document = json::parse(reply.body, code);
  if (reply.status != 200 || code || !document.is_object())
    return failure(read.error.message.empty() ? ReplyError{"", "the answer is no JSON object"}
                                              : read.error);
  json::object found;
  for (const char* key : {"objects", "points"})
    if (const json::value* there = document.get_object().if_contains(key)) found[key] = *there;
  json::array content{text_block(json_text(found))};
  const auto text_at = [&](std::string_view key) -> std::string_view {
    const json::value* there = document.get_object().if_contains(key);
    return there != nullptr && there->is_string() ? std::string_view(there->get_string()) : "";
  };
  if (text_at("finish_reason") == "length")
    content.push_back(note("The search was cut off; there may be more."));
  if (const std::string_view warning = text_at("warning"); !warning.empty())
    content.push_back(note(warning));
  return json_text(json::object{
      {"content", std::move(content)}, {"structuredContent", found}, {"isError", false}});
}

}  // namespace

bool PictureTools::has(std::string_view name) const {
  if (name == "detect") return options_.detect;
  if (name == "point") return options_.point;
  return std::ranges::find(kTools, name, &PictureTool::name) != kTools.end();
}

std::string PictureTools::list() const {
  json::array out;
  for (const PictureTool& tool : kTools)
    if (has(tool.name)) out.push_back(described(tool));
  return json_text(out);
}

std::string PictureTools::call(const ToolCall& call) {
  const auto tool = std::ranges::find(kTools, call.name, &PictureTool::name);
  if (tool == kTools.end() || !has(call.name))
    return failure({ErrorCode::kNotFound, fmt::format("there is no tool \"{}\"", call.name)});
  const auto arguments = read_arguments(*tool, call.arguments);
  if (!arguments.ok()) return failure(arguments.error());
  const auto picture = options_.picture(arguments->picture);
  if (!picture.ok()) return failure(picture.error());
  if (tool->kind == ToolKind::kObjects) {
    json::object body{{"image_url", *picture}, {"object", arguments->other}};
    if (!options_.question.model.empty()) body["model"] = options_.question.model;
    return objects_result(answerer_.answer(tool->path, json_text(body)));
  }
  const std::string_view question =
      tool->kind == ToolKind::kAsk ? std::string_view(arguments->other) : tool->question;
  return text_result(read_reply(
      answerer_.answer(kChatPath, question_body(options_.question, *picture, question))));
}

}  // namespace oc
