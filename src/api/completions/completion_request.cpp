#include "api/completions/completion_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <limits>
#include <utility>

#include "api/answer_length.h"
#include "api/check_rows.h"
#include "api/completions/fields.h"
#include "api/openai/guidance.h"
#include "api/openai/sampling_fields.h"
#include "api/parse_body.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr std::string_view kAPrompt = "a string, or an array of token ids";

Result<std::vector<TokenId>> token_ids(const json::array& values) {
  std::vector<TokenId> ids;
  ids.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::int64_t id = values[i].is_int64() ? values[i].get_int64() : -1;
    if (id < 0 || id > std::numeric_limits<TokenId>::max())
      return wrong_value(fmt::format("prompt[{}]", i), "a token id", values[i]);
    ids.push_back(static_cast<TokenId>(id));
  }
  return ids;
}

// One prompt, also as the only one of an array.
Result<RawPrompt> read_prompt(const json::value& value) {
  if (value.is_string()) return RawPrompt{.text = std::string(value.get_string())};
  if (!value.is_array()) return wrong_value("prompt", kAPrompt, value);
  const json::array& array = value.get_array();
  if (array.empty())
    return Error{ErrorCode::kInvalidArgument, "\"prompt\" is an empty array", "send a string",
                 "prompt"};
  if (array.front().is_number()) {
    OC_ASSIGN_OR_RETURN(auto ids, token_ids(array));
    return RawPrompt{.ids = std::move(ids)};
  }
  if (array.size() > 1)
    return Error{ErrorCode::kUnsupported,
                 fmt::format("\"prompt\" holds {} prompts, and one is answered", array.size()),
                 "send a request for each; they are computed beside each other", "prompt"};
  const json::value& only = array.front();
  if (only.is_array() && !only.get_array().empty() && !only.get_array().front().is_number())
    return wrong_value("prompt[0]", kAPrompt, only);
  if (!only.is_string() && !only.is_array()) return wrong_value("prompt[0]", kAPrompt, only);
  return read_prompt(only);
}

Result<void> parse_prompt(const JsonFields& fields, ChatRequest& request) {
  const json::value* value = fields.find("prompt");
  if (value == nullptr)
    return Error{ErrorCode::kInvalidArgument, "\"prompt\" is missing", "send a string", "prompt"};
  OC_ASSIGN_OR_RETURN(request.generate.raw_prompt, read_prompt(*value));
  RawPrompt& prompt = *request.generate.raw_prompt;
  OC_ASSIGN_OR_RETURN(const auto control, fields.boolean(completion_field("parse_special")));
  prompt.control_tokens = control.value_or(false);
  OC_ASSIGN_OR_RETURN(const auto echo, fields.boolean(completion_field("echo")));
  request.echo = echo.value_or(false);
  if (!request.echo) return {};
  if (!prompt.ids.empty())
    return Error{ErrorCode::kUnsupported, "\"echo\" of token ids is not done",
                 "send the prompt as a string, or leave \"echo\" out", "echo"};
  return {};
}

// OpenAI's older form: how many others, 0 for none beside the one that was drawn.
Result<void> parse_answers(const JsonFields& fields, ChatRequest& request) {
  OC_ASSIGN_OR_RETURN(const auto n, fields.integer(completion_field("n")));
  request.generate.n = static_cast<int>(n.value_or(1));
  OC_ASSIGN_OR_RETURN(const auto best_of, fields.integer(completion_field("best_of")));
  if (best_of && *best_of != request.generate.n)
    return Error{ErrorCode::kUnsupported, "\"best_of\" is not done: all answers are given",
                 "leave it out; \"n\" says how many there are", "best_of"};
  OC_ASSIGN_OR_RETURN(const auto top, fields.integer(completion_field("logprobs")));
  request.generate.logprobs = top.has_value();
  request.generate.top_logprobs = static_cast<int>(top.value_or(0));
  if (request.generate.logprobs && request.echo)
    return Error{ErrorCode::kUnsupported,
                 "\"logprobs\" beside \"echo\": those of the prompt are not computed",
                 "leave one of the two out; \"choices\" scores given answers", "logprobs"};
  return {};
}

Result<void> parse_length(const JsonFields& fields, ChatRequest& request, NoEffect no_effect) {
  constexpr int kUsual = 16;  // OpenAI's
  static constexpr auto kNames = std::to_array<std::string_view>(
      {"max_tokens", "max_completion_tokens", "max_new_tokens", "n_predict"});
  OC_ASSIGN_OR_RETURN(request.generate.max_tokens,
                      answer_length(fields,
                                    {&completion_field(kNames[0]), &completion_field(kNames[1]),
                                     &completion_field(kNames[2]), &completion_field(kNames[3])},
                                    no_effect, request.names));
  const bool said = std::ranges::any_of(
      kNames, [&](std::string_view name) { return fields.find(name) != nullptr; });
  if (!said) request.generate.max_tokens = kUsual;
  return {};
}

Result<ChatRequest> parse_fields(const JsonFields& fields) {
  ChatRequest request;
  const NoEffect no_effect(request.without_effect);
  if (fields.find("messages") != nullptr && fields.find("prompt") == nullptr)
    return Error{ErrorCode::kUnsupported, "\"messages\" are no text to go on from",
                 "POST them to /v1/chat/completions, or send \"prompt\"", "messages"};
  OC_RETURN_IF_ERROR(check_rows(fields, completion_fields(), request.without_effect));
  OC_ASSIGN_OR_RETURN(const auto model, fields.string("model"));
  if (model && model->size() > completion_field("model").max_size())
    return Error{ErrorCode::kNotFound, "there is no model of this name",
                 fmt::format("a name has at most {} bytes", completion_field("model").max_size()),
                 "model"};
  request.model = std::string(model.value_or(""));
  OC_RETURN_IF_ERROR(parse_length(fields, request, no_effect));
  OC_RETURN_IF_ERROR(parse_sampling(fields, request.sampling));
  name_aliases(fields, request.names);
  OC_RETURN_IF_ERROR(parse_stop(fields, request.generate, no_effect));
  OC_RETURN_IF_ERROR(parse_stream(fields, request, no_effect));
  OC_RETURN_IF_ERROR(parse_prompt(fields, request));
  OC_RETURN_IF_ERROR(parse_answers(fields, request));
  OC_ASSIGN_OR_RETURN(const auto draft, fields.integer(completion_field("draft_tokens")));
  request.generate.draft_tokens = static_cast<int>(draft.value_or(0));
  OC_RETURN_IF_ERROR(parse_guidance(fields, request));
  return request;
}

}  // namespace

Result<ChatRequest> parse_completion_request(std::string_view body, const ChatLimits& limits) {
  return parse_body(body, limits, parse_fields);
}

Result<ChatRequest> parse_completion_request(std::string&& body, const ChatLimits& limits,
                                             Reservation& memory) {
  return parse_body(std::move(body), limits, memory, parse_fields);
}

}  // namespace oc
