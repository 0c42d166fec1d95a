// Calls of tools and their results, as sentences of a conversation: no template here has a place
// for them. One rule for every dialect (docs/api.md, "Conversations"); whatever control tokens the
// client's text holds, it stays text.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "models/message.h"

namespace oc {

// The names of the tools that a conversation calls, by the ids of the calls. One object sees all
// messages, in their order.
class ToolTurns {
 public:
  // What the assistant says to call a tool. `arguments` as the client wrote them; `id` of the call,
  // empty: it has none.
  std::string call(std::string_view name, std::string_view arguments, std::string_view id);
  // What stands above a result: of the call `id`, else of the tool `name`; both may be empty.
  std::string result_heading(std::string_view id, std::string_view name) const;

 private:
  std::map<std::string, std::string, std::less<>> names_;
};

// A turn with a call or a result joins one of the same speaker beside it: several results and the
// question behind them are one turn of the user, as the model knows conversations.
// `last_of_tools`: whether the last turn that was added had one; it is set anew.
void add_turn(std::vector<Message>& all, Message turn, bool of_tools, bool& last_of_tools);

}  // namespace oc
