// POST /v1/responses, the answer: a response, or the events that build one up.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "api/dialect.h"
#include "runtime/serving/request_plan.h"

namespace oc {

// With this API's name of the conversation, where the model's side has that of chat completions.
ApiError in_their_words(ApiError error);

// Of one answer.
std::unique_ptr<AnswerWriter> responses_writer(const ChatRequest& request, AnswerStart start);

// POST /v1/responses/input_tokens, the answer.
std::string input_tokens_json(const std::string& model, const RequestPlan& plan,
                              std::string_view warning);

}  // namespace oc
