// POST /v1/messages, the answer: a message, or the events that build one up.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "api/dialect.h"
#include "runtime/serving/request_plan.h"

namespace oc {

// {"type": "error", "error": {"type", "message"}}
std::string messages_error_json(const ApiError& error);

// Of one answer.
std::unique_ptr<AnswerWriter> messages_writer(const ChatRequest& request, AnswerStart start);

// POST /v1/messages/count_tokens, the answer: {"input_tokens"}.
std::string token_count_json(const std::string& model, const RequestPlan& plan,
                             std::string_view warning);

}  // namespace oc
