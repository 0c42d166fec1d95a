// The items of a conversation of the Responses API: messages, calls of tools and their results.
// Only for .cpp files: it pulls in Boost.JSON.
#pragma once

#include <boost/json/array.hpp>
#include <string>
#include <string_view>

#include "api/chat_request.h"
#include "api/json_fields.h"
#include "api/tool_turns.h"

namespace oc {

// One object sees all items of a conversation, in their order.
class ItemReader {
 public:
  ItemReader(const ChatLimits& limits, ChatRequest& request) : limits_(limits), request_(request) {}

  // Appends to request.generate.messages and request.images. `path` is where the array stands.
  Result<void> read(const boost::json::array& items, std::string_view path);
  void read_text(std::string_view text);  // the user's

 private:
  Result<void> item(const boost::json::value& value, const std::string& path);
  Result<void> message(const JsonFields& fields);
  Result<void> call(const JsonFields& fields, std::string_view arguments_key);
  Result<void> result(const JsonFields& fields);
  Result<void> content(const boost::json::value& value, const std::string& param, Message& out);
  Result<void> part(const JsonFields& fields, Message& out);
  Result<void> picture(const JsonFields& fields, Message& out);
  Result<void> count(const std::string& path);

  const ChatLimits& limits_;
  ChatRequest& request_;
  std::size_t items_ = 0, parts_ = 0;
  ToolTurns tools_;
  bool last_of_tools_ = false;  // the last turn had a call or a result
};

}  // namespace oc
