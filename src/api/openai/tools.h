// Tools of a chat request. The models here have not learned when to call any, so they are not told
// of tools that they need not call, and the answer is text. A call that is forced is made
// (api/forced_call.h). Calls and results in the history become plain text. Only for .cpp files: it
// pulls in Boost.JSON.
#pragma once

#include <string>

#include "api/chat_request.h"
#include "api/json_fields.h"
#include "api/tool_turns.h"

namespace oc {

// tools, tool_choice and parallel_tool_calls, and the older functions and function_call: their
// shapes, as OpenAI checks them; behind parse_messages(). Tells request.unused_tools, or forces the
// call (forced_call.h has its errors). kUnsupported where a custom tool is forced.
Result<void> parse_tools(const JsonFields& fields, ChatRequest& request);

// The calls and results of a conversation as sentences, whatever control tokens the client's text
// holds: it stays text. One object sees all messages, in their order.
class ToolHistory {
 public:
  // Appends a part to an assistant's `message` for each of its calls: tool_calls, function_call.
  // → whether there were any.
  Result<bool> add_calls(const JsonFields& message, Message& out);
  // What stands above the result that a message of the role tool or function brings.
  Result<std::string> heading(const JsonFields& message) const;

 private:
  Result<void> add_call(const JsonFields& call, std::string_view arguments_key, std::string_view id,
                        Message& out);

  ToolTurns turns_;
};

}  // namespace oc
