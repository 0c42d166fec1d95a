// Tools of which one has to be called: the model is shown them behind the last question, and its
// answer is held to JSON that is a call (GenerateRequest::json_schema). Only for .cpp files: it
// pulls in Boost.JSON.
#pragma once

#include <boost/json/object.hpp>
#include <span>
#include <string>
#include <string_view>

#include "api/chat_request.h"

namespace oc {

// Letters, digits, _ and -, as all APIs have it: of OpenAI's 64 at most, of Anthropic's 128.
bool is_tool_name(std::string_view name, std::size_t max);

struct OfferedTool {
  std::string name;
  std::string description;                          // may be empty
  const boost::json::object* parameters = nullptr;  // a JSON schema; null: it takes none
  std::string param;                                // where `parameters` stand, for errors
};

// One of `tools`, of which there is at least one, is called by the answer to `request`, whose
// messages have been read. Sets its forced_call and json_schema, and tells the tools at the end of
// the last turn. Strings that would end the answer, which the request has as `stop_field`, are left
// out: half a call is none. Errors: as enforceable_schema(); kInvalidArgument where two have one
// name, and for more than 64.
Result<void> force_call(std::span<const OfferedTool> tools, ChatRequest& request,
                        std::string_view stop_field = "stop");

}  // namespace oc
