// Everything that belongs to one running request: its tokens, its cache, its answer. Dies with it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "runtime/answer.h"
#include "runtime/request.h"

namespace oc {

// The verbs of generate(), to be called once each, in this order, on the engine's only thread.
// model, request and hooks must outlive it. Between image tiles, prefill chunks and decode steps
// each verb asks whether the request was cancelled or is out of time.
class Session {
 public:
  // Tokens of one prefill step: short enough to notice a cancelled request in time.
  static constexpr std::int64_t kPrefillChunk = 512;

  Session(const Model& model, const GenerateRequest& request, const GenerateHooks& hooks);

  Result<void> plan();     // how each picture will be shown
  Result<void> prompt();   // the token ids, and how many tokens the answer may have
  Result<void> encode();   // pictures to rows of embeddings
  Result<void> prefill();  // the prompt into the cache; logits of the first answer token
  Result<void> decode();   // token by token, to the end
  GenerateResult take_result();

 private:
  Result<void> interrupted(std::string_view phase) const;
  Result<void> limit_answer(std::int64_t prompt_tokens);
  Result<void> compute_pending(std::string_view phase);
  void end(StopCause cause);
  std::optional<std::string> empty_warning() const;

  const Model& model_;
  const GenerateRequest& request_;
  const GenerateHooks& hooks_;
  Stopwatch since_start_;

  std::vector<ImagePlan> images_;
  std::vector<TokenId> ids_;        // prompt and answer so far
  Tensor image_rows_;               // [image tokens, D]; kept for a prefill from the start
  std::unique_ptr<KvSequence> kv_;  // the first kv_->length() of ids_
  int regime_ = 0;                  // under which kv_ was computed
  std::vector<float> logits_;       // [V], after the last of ids_
  std::int64_t max_answer_ = 0;     // tokens, stop token included
  Sampler sampler_;
  AnswerStream answer_;
  GenerateResult result_;
};

}  // namespace oc
