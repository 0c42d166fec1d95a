// POST /v1/chat/completions, the answer: GenerateResult → JSON, whole or in chunks.
// Strings are complete JSON documents; who sends them adds the framing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "api/served_model.h"
#include "runtime/request.h"

namespace oc {

// What is the same in every part of one answer.
struct AnswerHead {
  std::string id;  // "chatcmpl-…"
  std::int64_t created = 0;
  std::string model;
  std::string system_fingerprint;
};
AnswerHead make_answer_head(const ServedModel& model, std::string id, std::int64_t created);

std::string completion_json(const AnswerHead& head, const GenerateResult& result);

// The chunks of a streamed answer, in the order of the functions.
class ChunkWriter {
 public:
  // include_usage: every chunk carries "usage": null and usage() is the last one.
  ChunkWriter(AnswerHead head, bool include_usage);
  std::string role() const;                        // delta {"role": "assistant", "content": ""}
  std::string text(std::string_view piece) const;  // delta {"content": …}
  std::string finish(const GenerateResult& result) const;  // empty delta, finish_reason
  std::string usage(const GenerateResult& result) const;   // "choices": [], the counts

 private:
  std::string prefix_;  // up to and including "choices":[{"index":0,"delta":
  std::string suffix_;  // behind the finish reason
  AnswerHead head_;
};

}  // namespace oc
