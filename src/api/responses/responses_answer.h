// POST /v1/responses, the answer: a response, or the events that build one up.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "api/dialect.h"
#include "runtime/serving/request_plan.h"

namespace oc {

// Of one answer.
std::unique_ptr<AnswerWriter> responses_writer(const ChatRequest& request, AnswerStart start);

// POST /v1/responses/input_tokens, the answer.
std::string input_tokens_json(const std::string& model, const RequestPlan& plan,
                              std::string_view warning);

}  // namespace oc
