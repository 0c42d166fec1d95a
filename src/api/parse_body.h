// The JSON of a request's body, in memory that is counted: what every dialect's parse() begins and
// ends with. Only for .cpp files: it pulls in Boost.JSON.
#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "api/chat_request.h"
#include "api/json_fields.h"

namespace oc {

class Reservation;

// `read` makes a request of the body's fields.
using ReadFields = std::function<Result<ChatRequest>(const JsonFields& fields)>;

// kInvalidArgument: no JSON, or no object.
Result<ChatRequest> parse_body(std::string_view body, const ChatLimits& limits,
                               const ReadFields& read);
// The same for who counts memory: `memory` holds what the body takes, and afterwards what the
// request takes. The body is freed as soon as it is read. Meanwhile it is all at most twice the
// body, and what max_values take. Errors: kMemoryFull, too.
Result<ChatRequest> parse_body(std::string&& body, const ChatLimits& limits, Reservation& memory,
                               const ReadFields& read);

}  // namespace oc
