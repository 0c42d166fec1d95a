// POST /v1/responses, the question: OpenAI's Responses API. Only for .cpp files: it pulls in
// Boost.JSON.
#pragma once

#include <string>

#include "api/chat_request.h"

namespace oc {

class Reservation;

// Errors: as Dialect::parse(); kNotFound for a previous_response_id that is not kept.
Result<ChatRequest> parse_responses_request(std::string&& body, const ChatLimits& limits,
                                            Reservation& memory);

}  // namespace oc
