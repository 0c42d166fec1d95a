// POST /v1/completions, the question: OpenAI's older API, a text to go on from. Only for .cpp
// files: it pulls in Boost.JSON.
#pragma once

#include <string>
#include <string_view>

#include "api/chat_request.h"

namespace oc {

class Reservation;

// Errors: as Dialect::parse().
Result<ChatRequest> parse_completion_request(std::string_view body, const ChatLimits& limits);
Result<ChatRequest> parse_completion_request(std::string&& body, const ChatLimits& limits,
                                             Reservation& memory);

}  // namespace oc
