// POST /v1/chat/completions, the request: JSON → GenerateRequest. A parameter that would change the
// answer is kept to, or is an error that names it; one that cannot is accepted and told of in the
// answer's warning. null counts as absent. Of a key that occurs twice the last value counts.
#pragma once

#include <string>
#include <string_view>

#include "api/chat_request.h"
#include "base/result.h"

namespace oc {

class Reservation;

// Errors: kInvalidArgument, kUnsupported, kTooLarge, each with the path of the field in param.
Result<ChatRequest> parse_chat_request(std::string_view body, const ChatLimits& limits);
// The same for who counts memory, as of parse_body(). Errors: kMemoryFull, too.
Result<ChatRequest> parse_chat_request(std::string&& body, const ChatLimits& limits,
                                       Reservation& memory);

}  // namespace oc
