// The messages of a request of Ollama's, and its pictures. Only for .cpp files: it pulls in
// Boost.JSON.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "api/chat_request.h"

namespace oc {

// "images": base64, or `data:` URLs. Each becomes a part of `out`.
Result<void> add_ollama_images(const boost::json::value& value, const std::string& param,
                               const ChatLimits& limits, ChatRequest& request, Message& out);

// "messages", of which there may be none. Errors: kInvalidArgument, kUnsupported, kTooLarge with
// the path of what is wrong.
Result<void> parse_ollama_turns(const boost::json::array& messages, const ChatLimits& limits,
                                ChatRequest& request);

}  // namespace oc
