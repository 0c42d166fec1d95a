// The messages of a request of Anthropic's, block by block. Only for .cpp files: it pulls in
// Boost.JSON.
#pragma once

#include <boost/json/value.hpp>

#include "api/chat_request.h"

namespace oc {

// "system": a string, or blocks of text. It becomes the first message.
Result<void> parse_system(const boost::json::value& value, const ChatLimits& limits,
                          ChatRequest& request);
// "messages". Errors: kInvalidArgument, kUnsupported, kTooLarge with the path of what is wrong.
Result<void> parse_turns(const boost::json::value& value, const ChatLimits& limits,
                         ChatRequest& request);

}  // namespace oc
