// POST /v1/completions, the answer: whole, or the chunks of a stream.
#pragma once

#include <memory>

#include "api/dialect.h"

namespace oc {

// Of one answer.
std::unique_ptr<AnswerWriter> completion_writer(const ChatRequest& request, AnswerStart start);

}  // namespace oc
