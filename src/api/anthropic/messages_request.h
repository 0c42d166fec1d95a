// POST /v1/messages, the question (docs.anthropic.com, Messages API): blocks of text, pictures,
// calls of tools and their results. Only for .cpp files: it pulls in Boost.JSON.
#pragma once

#include <string>
#include <string_view>

#include "api/chat_request.h"

namespace oc {

class Reservation;

// Errors: as Dialect::parse().
Result<ChatRequest> parse_messages_request(std::string_view body, const ChatLimits& limits);
Result<ChatRequest> parse_messages_request(std::string&& body, const ChatLimits& limits,
                                           Reservation& memory);

}  // namespace oc
