// POST /v1/query, /v1/caption, /v1/detect, /v1/point, the request: JSON → a Task about one picture.
// A field that would change the answer is kept to, or is an error that names it; one that cannot is
// accepted and told of in the answer's warning. null counts as absent.
#pragma once

#include <string>
#include <string_view>

#include "api/chat_request.h"
#include "api/moondream/fields.h"

namespace oc {

class Reservation;

// Errors: kInvalidArgument, kUnsupported, kTooLarge, each with the path of the field in param.
Result<ChatRequest> parse_task_request(MoondreamRoute route, std::string_view body,
                                       const ChatLimits& limits);
// The same for who counts memory, as of parse_body(). Errors: kMemoryFull, too.
Result<ChatRequest> parse_task_request(MoondreamRoute route, std::string&& body,
                                       const ChatLimits& limits, Reservation& memory);

}  // namespace oc
