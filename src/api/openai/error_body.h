// OpenAI's errors as text: {"error": {"message", "type", "param", "code"}}.
#pragma once

#include <string>

#include "api/errors.h"

namespace oc {

// The body of an answer, and the data of an event in the middle of a stream.
std::string openai_error_body(const ApiError& error);

}  // namespace oc
