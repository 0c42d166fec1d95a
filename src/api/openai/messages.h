// The "messages" of a chat request. Only for .cpp files: it pulls in Boost.JSON.
#pragma once

#include <boost/json/value.hpp>

#include "api/chat_request.h"

namespace oc {

// Appends to request.generate.messages and request.images.
Result<void> parse_messages(const boost::json::value& value, const ChatLimits& limits,
                            ChatRequest& request);

}  // namespace oc
