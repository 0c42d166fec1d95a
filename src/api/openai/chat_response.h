// POST /v1/chat/completions, the answer: GenerateResult → JSON, whole or in chunks.
// Strings are complete JSON documents; who sends them adds the framing.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/chat_request.h"
#include "api/openai/answer_parts.h"
#include "runtime/request.h"

namespace oc {

// logprobs: they were asked for. call: null where answers are text.
std::string completion_json(const AnswerHead& head, const GenerateResult& result,
                            bool logprobs = false, const ForcedCall* call = nullptr);

// The chunks of a streamed answer, in the order of the functions; with n > 1 the answers' chunks
// stand between each other, told apart by their index.
class ChunkWriter {
 public:
  // include_usage: every chunk carries "usage": null and usage() is the last one. call: null where
  // answers are text.
  ChunkWriter(AnswerHead head, bool include_usage, const ForcedCall* call = nullptr);
  // delta {"role": "assistant", "content": ""}
  std::string role(std::size_t choice = 0) const;
  std::string piece(const AnswerPiece& piece) const;                    // delta {"content": …}
  void append_piece(std::string& out, const AnswerPiece& piece) const;  // the same
  // Instead of piece(): its delta, JSON, and the tokens behind it.
  void append_delta(std::string& out, std::size_t choice, std::string_view delta,
                    std::span<const TokenLogprobs> tokens) const;
  // Empty delta, finish_reason: of the answers behind the first, then of that, with our details.
  std::string finish_more(const Answer& answer, std::size_t choice) const;
  std::string finish(const GenerateResult& result) const;
  std::string usage(const GenerateResult& result) const;  // "choices": [], the counts

 private:
  std::string begin(std::size_t choice, std::string_view delta) const;
  std::string end(const Answer& answer, std::size_t choice, const std::string& warning) const;

  std::string prefix_;  // up to and including "choices":[{"index":
  std::string suffix_;  // behind the finish reason
  AnswerHead head_;
  std::optional<ForcedCall> call_;
};

}  // namespace oc
