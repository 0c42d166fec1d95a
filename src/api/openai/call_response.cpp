#include "api/openai/call_response.h"

#include <fmt/format.h>

#include <utility>

#include "io/json_text.h"

namespace oc {
namespace {

// "call_" in place of the answer's own prefix; the answers behind the first are numbered.
std::string call_id(std::string_view answer_id, std::size_t choice) {
  const std::string_view letters = answer_id.substr(answer_id.find('-') + 1);
  return choice == 0 ? fmt::format("call_{}", letters) : fmt::format("call_{}_{}", letters, choice);
}

}  // namespace

CallWriter::CallWriter(const ForcedCall& call, std::string_view answer_id, std::size_t choice)
    : call_(call), id_(call_id(answer_id, choice)), reader_(call_) {}

std::string CallWriter::call_json(std::string_view tool, std::string_view arguments) const {
  return fmt::format(R"({{"name":{},"arguments":{}}})", json_quoted(tool), json_quoted(arguments));
}

std::string CallWriter::delta(std::string_view text) {
  reader_.add(text);
  if (reader_.tool().empty()) return "";
  const std::string_view more = reader_.arguments().substr(told_);
  if (named_ && more.empty()) return "";
  told_ = reader_.arguments().size();
  const bool first = !std::exchange(named_, true);
  if (call_.older)
    return first ? fmt::format(R"({{"function_call":{}}})", call_json(reader_.tool(), more))
                 : fmt::format(R"({{"function_call":{{"arguments":{}}}}})", json_quoted(more));
  return first ? fmt::format(
                     R"({{"tool_calls":[{{"index":0,"id":{},"type":"function","function":{}}}]}})",
                     json_quoted(id_), call_json(reader_.tool(), more))
               : fmt::format(R"({{"tool_calls":[{{"index":0,"function":{{"arguments":{}}}}}]}})",
                             json_quoted(more));
}

std::string CallWriter::message_fields(const Answer& answer) const {
  CallReader reader(call_);
  reader.add(answer.text);
  // Cut off before its name: there is none, and what there is of it is no text.
  if (reader.tool().empty()) return R"("content":null,"refusal":null)";
  const std::string call = call_json(reader.tool(), reader.arguments());
  if (call_.older) return fmt::format(R"("content":null,"refusal":null,"function_call":{})", call);
  return fmt::format(
      R"("content":null,"refusal":null,"tool_calls":[{{"id":{},"type":"function","function":{}}}])",
      json_quoted(id_), call);
}

std::string_view call_finish_reason(const ForcedCall& call, const Answer& answer) {
  if (answer.finish_reason != FinishReason::kStop) return to_string(answer.finish_reason);
  return call.older ? "function_call" : "tool_calls";
}

}  // namespace oc
