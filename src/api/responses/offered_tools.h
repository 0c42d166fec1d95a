// Tools of a request of the Responses API: as in chat completions (api/openai/tools.h), written
// flat. Only for .cpp files: it pulls in Boost.JSON.
#pragma once

#include "api/chat_request.h"
#include "api/json_fields.h"

namespace oc {

// tools, tool_choice and parallel_tool_calls, behind the conversation. Tells request.unused_tools,
// or forces the call (forced_call.h has its errors). kUnsupported names a tool that OpenAI's
// servers have built in.
Result<void> parse_offered_tools(const JsonFields& fields, ChatRequest& request);

}  // namespace oc
