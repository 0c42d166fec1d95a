#include "api/openai/chat_request.h"

#include <fmt/format.h>

#include <utility>

#include "api/answer_length.h"
#include "api/json_fields.h"
#include "api/openai/chat_fields.h"
#include "api/openai/fields.h"
#include "api/openai/guidance.h"
#include "api/openai/image_fields.h"
#include "api/openai/messages.h"
#include "api/openai/sampling_fields.h"
#include "api/openai/tools.h"
#include "api/parse_body.h"

namespace oc {
namespace {

namespace json = boost::json;

// How many answers, and what is told of them.
Result<void> parse_answers(const JsonFields& fields, GenerateRequest& request) {
  OC_ASSIGN_OR_RETURN(const auto n, fields.integer(chat_field("n")));
  request.n = static_cast<int>(n.value_or(1));
  OC_ASSIGN_OR_RETURN(const auto logprobs, fields.boolean(chat_field("logprobs")));
  OC_ASSIGN_OR_RETURN(const auto top, fields.integer(chat_field("top_logprobs")));
  request.logprobs = logprobs.value_or(false);
  request.top_logprobs = static_cast<int>(top.value_or(0));
  if (request.top_logprobs > 0 && !request.logprobs)
    return Error{ErrorCode::kInvalidArgument, "\"top_logprobs\" is given without \"logprobs\"",
                 "add \"logprobs\": true", "top_logprobs"};
  return {};
}

// Extensions of ours: prompt lookup, and frames of a live camera.
Result<void> parse_extensions(const JsonFields& fields, GenerateRequest& request) {
  OC_ASSIGN_OR_RETURN(const auto draft, fields.integer(chat_field("draft_tokens")));
  if (draft) request.draft_tokens = static_cast<int>(*draft);
  OC_ASSIGN_OR_RETURN(const auto key, fields.string(chat_field("stream_key")));
  OC_ASSIGN_OR_RETURN(const auto policy, fields.string(chat_field("policy")));
  request.stream_key = std::string(key.value_or(""));
  request.latest_wins = policy == "latest_wins";
  if (request.latest_wins && !key)
    return Error{ErrorCode::kInvalidArgument, "\"policy\" is given without \"stream_key\"",
                 "name the camera: \"stream_key\": \"door\"", "stream_key"};
  return {};
}

Result<ChatRequest> parse_fields(const JsonFields& fields, const ChatLimits& limits) {
  ChatRequest request;
  const NoEffect no_effect(request.without_effect);
  OC_RETURN_IF_ERROR(check_fields(fields, request.without_effect));
  OC_ASSIGN_OR_RETURN(const auto model, fields.string("model"));
  constexpr const RequestField& kModel = chat_field("model");
  if (model && model->size() > kModel.max_size())
    return Error{ErrorCode::kNotFound, "there is no model of this name",
                 fmt::format("a name has at most {} bytes", kModel.max_size()), "model"};
  request.model = std::string(model.value_or(""));
  OC_ASSIGN_OR_RETURN(
      request.generate.max_tokens,
      answer_length(fields,
                    {&chat_field("max_tokens"), &chat_field("max_completion_tokens"),
                     &chat_field("max_new_tokens"), &chat_field("n_predict")},
                    no_effect, request.names));
  OC_RETURN_IF_ERROR(parse_sampling(fields, request.sampling));
  name_aliases(fields, request.names);
  OC_RETURN_IF_ERROR(parse_stop(fields, request.generate, no_effect));
  OC_RETURN_IF_ERROR(parse_stream(fields, request, no_effect));
  OC_RETURN_IF_ERROR(parse_answers(fields, request.generate));
  OC_RETURN_IF_ERROR(parse_extensions(fields, request.generate));
  OC_RETURN_IF_ERROR(parse_guidance(fields, request));
  OC_ASSIGN_OR_RETURN(const auto keep_order, fields.boolean(chat_field("keep_order")));
  request.generate.keep_order = keep_order.value_or(false);
  OC_ASSIGN_OR_RETURN(request.generate.image_knobs, parse_knobs(fields));
  const json::value* messages = fields.find("messages");
  if (messages == nullptr)
    return Error{ErrorCode::kInvalidArgument, "\"messages\" is missing", "", "messages"};
  OC_RETURN_IF_ERROR(parse_messages(*messages, limits, request));
  OC_RETURN_IF_ERROR(parse_tools(fields, request));
  return request;
}

}  // namespace

Result<ChatRequest> parse_chat_request(std::string_view body, const ChatLimits& limits) {
  return parse_body(body, limits,
                    [&](const JsonFields& fields) { return parse_fields(fields, limits); });
}

Result<ChatRequest> parse_chat_request(std::string&& body, const ChatLimits& limits,
                                       Reservation& memory) {
  return parse_body(std::move(body), limits, memory,
                    [&](const JsonFields& fields) { return parse_fields(fields, limits); });
}

}  // namespace oc
