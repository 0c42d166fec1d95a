// POST /api/chat and /api/generate, the question. Only for .cpp files: it pulls in Boost.JSON.
#pragma once

#include <string>
#include <string_view>

#include "api/chat_request.h"
#include "api/ollama/fields.h"

namespace oc {

class Reservation;

// One without a question asks for the model alone: ChatRequest::instead. Errors: as
// Dialect::parse().
Result<ChatRequest> parse_ollama_request(OllamaRoute route, std::string_view body,
                                         const ChatLimits& limits);
Result<ChatRequest> parse_ollama_request(OllamaRoute route, std::string&& body,
                                         const ChatLimits& limits, Reservation& memory);

}  // namespace oc
