// What an answer may be: response_format, vLLM's guided_json, guided_choice and structured_outputs,
// and our choices, which are scored. Only for .cpp files: it pulls in Boost.JSON.
#pragma once

#include "api/chat_request.h"
#include "api/json_fields.h"

namespace oc {

// Behind the fields of sampling, stop and length: guided_choice takes the likeliest choice, so
// these have no effect on it, and are told of. kInvalidArgument: wrong, or several are given.
Result<void> parse_guidance(const JsonFields& fields, ChatRequest& request);

}  // namespace oc
