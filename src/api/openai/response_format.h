// The field "response_format" of a chat request. Only for .cpp files: it pulls in Boost.JSON.
#pragma once

#include "api/chat_request.h"
#include "api/json_fields.h"

namespace oc {

// Sets GenerateRequest::json_schema, where the answer may not be any text. Errors name the path of
// what is wrong, down to the schema's keyword.
Result<void> parse_response_format(const JsonFields& fields, ChatRequest& request);

}  // namespace oc
