#include "api/offline/picture_question.h"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <span>

#include "image/image.h"
#include "io/base64.h"
#include "io/json.h"
#include "io/json_text.h"
#include "runtime/bench/server_reason.h"

namespace oc {
namespace {

namespace json = boost::json;

const json::value* member(const json::value* value, std::string_view key) {
  return value != nullptr && value->is_object() ? value->get_object().if_contains(key) : nullptr;
}

std::string text_at(const json::value* value, std::string_view key) {
  const json::value* found = member(value, key);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

std::int64_t count_at(const json::value* value, std::string_view key) {
  const json::value* found = member(value, key);
  return found != nullptr && found->is_int64() ? found->get_int64() : 0;
}

ReplyError error_of(const ChatReply& reply, const json::value* document) {
  if (reply.status == 0) return {"no_response", reply.failure};
  std::string code = text_at(member(document, "error"), "code"),
              message = server_reason(reply.body);
  if (code.empty()) code = fmt::format("http_{}", reply.status);
  if (message.empty()) message = fmt::format("the server's status is {}", reply.status);
  return {std::move(code), std::move(message), text_at(member(document, "error"), "param")};
}

}  // namespace

std::string question_body(const QuestionSettings& settings, std::string_view picture,
                          std::string_view question) {
  json::array messages;
  if (!settings.system.empty())
    messages.push_back({{"role", "system"}, {"content", settings.system}});
  json::object image{{"url", picture}};
  if (!settings.detail.empty()) image["detail"] = settings.detail;
  messages.push_back(
      {{"role", "user"},
       {"content", json::array{{{"type", "image_url"}, {"image_url", std::move(image)}},
                               {{"type", "text"}, {"text", question}}}}});
  json::object body{{"messages", std::move(messages)}};
  if (!settings.model.empty()) body["model"] = settings.model;
  if (settings.max_tokens) body["max_tokens"] = *settings.max_tokens;
  if (settings.temperature) body["temperature"] = *settings.temperature;
  if (settings.seed) body["seed"] = *settings.seed;
  if (!settings.stop.empty()) {
    json::array& stop = body["stop"].emplace_array();
    for (const std::string& one : settings.stop) stop.emplace_back(one);
  }
  for (const auto& [name, value] : settings.knobs) body[name] = value;
  if (settings.json_schema)
    body["response_format"] = {
        {"type", "json_schema"},
        {"json_schema", {{"name", "answer"}, {"schema", *settings.json_schema}, {"strict", true}}}};
  return json_text(body);
}

Result<std::string> picture_file_uri(const std::string& file, std::size_t max_bytes) {
  OC_ASSIGN_OR_RETURN(const std::string bytes, read_file(file, max_bytes));
  const auto view = std::as_bytes(std::span(bytes));
  ImageLimits any;  // whoever decodes it has limits of their own
  any.max_bytes = max_bytes;
  const auto info = probe_image(view, any);
  if (info.ok()) return picture_data_uri(view, to_string(info->format));
  Error error = info.error();
  error.message = fmt::format("{}: {}", file, error.message);
  return error;
}

ReadReply read_reply(const ChatReply& reply) {
  boost::system::error_code code;
  const json::value document = json::parse(reply.body, code);
  const json::value* root = code ? nullptr : &document;
  if (reply.status != 200) return {.answer = {}, .error = error_of(reply, root)};
  const json::value* choices = member(root, "choices");
  if (choices == nullptr || !choices->is_array() || choices->get_array().empty()) {
    const std::string reason = server_reason(reply.body);
    return {.answer = {},
            .error = {"no_answer",
                      "the reply holds no answer" + (reason.empty() ? "" : ": " + reason)}};
  }
  const json::value& choice = choices->get_array().front();
  const json::value* usage = member(root, "usage");
  return {.answer = TextAnswer{
              .text = text_at(member(&choice, "message"), "content"),
              .finish_reason = text_at(&choice, "finish_reason"),
              .warning = text_at(root, "warning"),
              .prompt_tokens = count_at(usage, "prompt_tokens"),
              .completion_tokens = count_at(usage, "completion_tokens"),
              .cached_tokens = count_at(member(usage, "prompt_tokens_details"), "cached_tokens")}};
}

}  // namespace oc
