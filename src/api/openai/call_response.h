// An answer that is a call (forced_call.h) as OpenAI writes it: tool_calls, or the older
// function_call.
#pragma once

#include <string>
#include <string_view>

#include "api/call_reader.h"
#include "runtime/request.h"

namespace oc {

// Of one answer.
class CallWriter {
 public:
  // `choice`: of the answers with the id `answer_id`, from which the call's own is made.
  CallWriter(const ForcedCall& call, std::string_view answer_id, std::size_t choice);

  // The delta of a stream's chunk, JSON, for some more of the answer's text; empty: there is
  // nothing to tell yet.
  std::string delta(std::string_view text);

  // The fields of a whole message behind its role, JSON without braces.
  std::string message_fields(const Answer& answer) const;

 private:
  std::string call_json(std::string_view tool, std::string_view arguments) const;

  const ForcedCall call_;
  const std::string id_;
  CallReader reader_;
  bool named_ = false;    // a delta has told the tool
  std::size_t told_ = 0;  // bytes of the arguments that deltas have told
};

// Of an answer that is whole "tool_calls" or "function_call", else as of text.
std::string_view call_finish_reason(const ForcedCall& call, const Answer& answer);

}  // namespace oc
