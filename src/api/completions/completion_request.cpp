#include "api/completions/completion_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <iterator>
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

Result<std::vector<TokenId>> token_ids(const json::array& values, const std::string& name) {
  std::vector<TokenId> ids;
  ids.reserve(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const json::value& value = values[i];
    const std::int64_t id = value.is_int64() ? value.get_int64() : whole_number(value).value_or(-1);
    if (id < 0 || id > std::numeric_limits<TokenId>::max())
      return wrong_value(fmt::format("{}[{}]", name, i), "a token id", value);
    ids.push_back(static_cast<TokenId>(id));
  }
  return ids;
}

bool is_ids(const json::value& value) {
  return value.is_array() && !value.get_array().empty() && value.get_array().front().is_number();
}

Result<RawPrompt> read_prompt(const json::value& value, const std::string& name) {
  if (value.is_string()) return RawPrompt{.text = std::string(value.get_string())};
  if (value.is_array() && value.get_array().empty())
    return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" is an empty array", name),
                 "send a string", name};
  if (!is_ids(value)) return wrong_value(name, kAPrompt, value);
  OC_ASSIGN_OR_RETURN(auto ids, token_ids(value.get_array(), name));
  return RawPrompt{.ids = std::move(ids)};
}

// One, or an array of them.
Result<std::vector<RawPrompt>> read_prompts(const json::value& value) {
  std::vector<RawPrompt> out;
  if (!value.is_array() || value.get_array().empty() || is_ids(value)) {
    OC_ASSIGN_OR_RETURN(auto only, read_prompt(value, "prompt"));
    out.push_back(std::move(only));
    return out;
  }
  const json::array& array = value.get_array();
  if (array.size() > kMaxPrompts)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("\"prompt\" holds {} prompts; at most {}", array.size(), kMaxPrompts),
                 "send the others in another request", "prompt"};
  out.reserve(array.size());
  for (std::size_t i = 0; i < array.size(); ++i) {
    OC_ASSIGN_OR_RETURN(auto one, read_prompt(array[i], fmt::format("prompt[{}]", i)));
    out.push_back(std::move(one));
  }
  return out;
}

Result<void> parse_prompt(const JsonFields& fields, ChatRequest& request, NoEffect no_effect) {
  const json::value* value = fields.find("prompt");
  if (value == nullptr)
    return Error{ErrorCode::kInvalidArgument, "\"prompt\" is missing", "send a string", "prompt"};
  OC_ASSIGN_OR_RETURN(auto prompts, read_prompts(*value));
  OC_ASSIGN_OR_RETURN(const auto control, fields.boolean(completion_field("parse_special")));
  // The only one of an array is as one alone to what is behind here.
  if (value->is_array() && !is_ids(*value) && prompts.size() == 1) {
    request.names.call("prompt", "prompt[0]");
    request.names.call("prompt[", "prompt[0][");
  }
  for (RawPrompt& prompt : prompts) prompt.control_tokens = control.value_or(false);
  // How far one of several is says nothing of the others.
  if (prompts.size() > 1 && std::exchange(request.include_progress, false))
    no_effect.add("stream_options.include_progress");
  OC_ASSIGN_OR_RETURN(const auto echo, fields.boolean(completion_field("echo")));
  request.echo = echo.value_or(false);
  const bool ids = std::ranges::any_of(prompts, [](const auto& one) { return !one.ids.empty(); });
  request.generate.raw_prompt = std::move(prompts.front());
  request.generate.more_prompts.assign(std::make_move_iterator(prompts.begin() + 1),
                                       std::make_move_iterator(prompts.end()));
  if (!request.echo || !ids) return {};
  return Error{ErrorCode::kUnsupported, "\"echo\" of token ids is not done",
               "send the prompt as a string, or leave \"echo\" out", "echo"};
}

// OpenAI's older form: how many others, 0 for none beside the one that was drawn.
Result<void> parse_answers(const JsonFields& fields, ChatRequest& request) {
  OC_ASSIGN_OR_RETURN(const auto n, fields.integer(completion_field("n")));
  request.generate.n = static_cast<int>(n.value_or(1));
  OC_ASSIGN_OR_RETURN(const auto best_of, fields.integer(completion_field("best_of")));
  if (best_of && *best_of != 1 && *best_of != request.generate.n)
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
  OC_RETURN_IF_ERROR(parse_prompt(fields, request, no_effect));
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
