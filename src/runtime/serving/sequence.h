// One sequence of a running request: an answer that is being generated, or a choice that is being
// scored. Its tokens, their keys and values, its text.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/answer_memory.h"
#include "runtime/decode/answer_text.h"
#include "runtime/decode/sampler.h"
#include "runtime/serving/fair_shares.h"
#include "runtime/serving/layered_step.h"
#include "runtime/serving/request_images.h"

namespace oc {

// What all sequences of a request begin with, once it is prepared.
struct PreparedPrompt {
  std::int64_t tokens = 0;  // those of pictures among them
  std::int64_t last_image_position = -1;
  int regime = 0;                       // Model::position_regime
  std::int64_t max_answer = 0;          // tokens that an answer may have, stop token included
  std::vector<TokenRange> blocks = {};  // Prompt::blocks

  // Whole blocks of keys and values, in tokens: sequences in the prompt's position regime share
  // them.
  std::int64_t shared_kv() const { return tokens / kKvBlockTokens * kKvBlockTokens; }
  // What a sequence of `length` tokens has beyond them; all of it where it shares nothing.
  std::int64_t kv_beyond(std::int64_t length, bool shares) const {
    return whole_kv_blocks(shares ? length - shared_kv() : length);
  }
};

// What came of an answer, once it has ended.
struct SequenceResult : Answer {
  std::int64_t completion_tokens = 0;                    // stop token included
  std::int64_t drafted_tokens = 0, accepted_tokens = 0;  // of prompt lookup
  double ttft_ms = 0, total_ms = 0;                      // since the request began
  double decode_tokens_per_second = 0;
};

// Engine thread only. What the constructor is given outlives it.
class Sequence {
 public:
  // One that begins with the prompt's `ids`; `index` among the request's answers, or choices.
  Sequence(const RequestContext& context, const RequestImages& pictures,
           const PreparedPrompt& prompt, std::vector<TokenId> ids, std::size_t index,
           const SamplingParams& sampling);
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  void use(const Grammar& grammar) { matcher_ = grammar.start(); }
  bool has_grammar() const { return matcher_ != nullptr; }
  void start(std::unique_ptr<KvSequence> kv) { kv_ = std::move(kv); }
  bool started() const { return kv_ != nullptr; }

  // Another one that goes on from here, with a seed of its own. Nothing has been generated yet.
  std::unique_ptr<Sequence> fork(std::size_t index, std::uint64_t seed) const;
  // Goes on as an answer: the first token. logits [V]: those behind the prompt.
  Result<void> take_token(std::span<const float> logits);
  // Goes on as a choice to score.
  void begin_score(std::span<const TokenId> choice, std::span<const float> logits);
  // Goes on with the objects of the request's task; logits as above, the hidden state given before.
  bool finds_objects() const {
    return context_.request.task && oc::finds_objects(*context_.request.task);
  }
  void set_hidden(Tensor hidden) { hidden_ = std::move(hidden); }  // [1, D], of the last position
  Result<void> take_position(std::span<const float> logits);
  // Positions of objects are nothing that another request may go on from.
  void keep_prompt();
  void end_unanswered() { ended_ = true; }  // a prompt for others to go on from, no more

  std::span<const TokenId> ids() const { return ids_; }  // prompt and answer so far
  std::int64_t computed() const { return kv_->length(); }
  std::int64_t pending() const { return std::ssize(ids_) - kv_->length(); }
  int regime() const { return regime_; }
  std::uint64_t seed() const { return sampler_.seed(); }
  std::int64_t answer_tokens() const { return result_.completion_tokens; }
  bool scoring() const { return score_end_ > 0; }
  bool ended() const { return ended_; }
  // The prompt is computed: a step is one token.
  bool answering() const { return !scoring() && result_.completion_tokens > 0 && pending() == 1; }
  // Tokens of the prompt, or of the choice, that are still to be computed.
  std::int64_t prompt_left() const {
    if (ended_ || answering()) return 0;
    return pending() - (layered_ ? layered_->tokens_done() : 0);
  }
  // RequestImages::encode_step() is next. Only what no cache holds needs them.
  bool needs_images() const {
    return !pictures_.joined() && kv_->length() <= prompt_.last_image_position;
  }

  // Tokens that take about as long as `limit` do at a prompt's beginning, or at most twice: a step
  // of a prompt with 100,000 tokens would keep all others, and who cancels it, waiting for ten
  // seconds.
  std::int64_t chunk(std::int64_t limit) const;
  // Of at most so many tokens, while none are drafted and no block of the prompt is longer.
  StepInput next(std::int64_t limit);
  // The next step is such a block, or one that has been begun: it is computed by step_layers().
  bool next_is_layered(std::int64_t limit) const {
    return layered_ || next_end(limit) - kv_->length() > limit;
  }
  // Some layers of it, about as much work as `limit` tokens. When it is complete: its logits, to be
  // accepted like those of another step.
  std::optional<std::vector<float>> step_layers(std::int64_t limit);
  // After a step behind the prompt; logits [rows, V] as the input asked for, empty when they were
  // not wanted.
  Result<void> accept(std::span<const float> logits);
  double since_first_step_ms() const { return since_first_step_ ? since_first_step_->ms() : 0; }

  // Keys and values, in tokens of whole blocks, those shared with other sequences left out: what
  // it was given, and what it has to be given for its next step.
  std::int64_t kv_given() const { return kv_given_; }
  std::int64_t kv_needed() const;
  void give_kv(std::int64_t tokens) { kv_given_ = tokens; }
  // Given, and the most that it may come to need. shares: the prompt's, with its whole answer.
  MemoryClaim kv_claim(bool shares) const;
  bool holds_prompt() const { return regime_ == prompt_.regime && !(ended_ && kv_ == nullptr); }
  void drop_kv();                         // it has ended
  std::unique_ptr<KvSequence> take_kv();  // no step follows
  std::unique_ptr<KvSequence> fork_kv() const { return kv_->fork(kv_->length()); }

  const AnswerMemory& answer_memory() const { return answer_memory_; }
  // Log probabilities of a choice's tokens, the end's last.
  const std::vector<double>& scores() const { return scores_; }
  SequenceResult take_result() { return std::move(result_); }

 private:
  // Where the next step of the prompt, or of a choice, ends.
  std::int64_t next_end(std::int64_t limit) const {
    return end_of_step(prompt_.blocks, kv_->length(), limit, std::ssize(ids_));
  }
  StepInput next_to_score(std::int64_t limit);
  Result<void> accept_scores(std::span<const float> logits);
  void score(std::int64_t position, std::span<const float> logits);
  void draft();
  std::int64_t draft_limit() const;
  Result<void> accept_draft(std::span<const float> logits);
  void follow_regime();
  void end(StopCause cause);
  std::optional<std::string> empty_warning() const;
  void show(std::string_view text, bool all = false);
  TokenLogprobs describe(TokenId id, std::span<const float> logits);
  ScoredToken describe_one(TokenId id, double logprob, bool first) const;

  const RequestContext& context_;
  const RequestImages& pictures_;
  const PreparedPrompt& prompt_;
  const std::size_t index_;
  std::vector<TokenId> ids_;        // prompt and answer so far, or prompt and choice
  std::unique_ptr<KvSequence> kv_;  // the first kv_->length() of ids_
  std::int64_t kv_given_ = 0;       // not those that it shares
  int regime_;                      // under which kv_ is computed
  bool ended_ = false;
  std::optional<LayeredStep> layered_;  // a step that has been begun; before kv_ in leaving
  std::optional<Stopwatch> since_first_step_;
  std::vector<TokenId> draft_;           // the pending token and guesses of what follows it
  std::vector<std::int64_t> step_rows_;  // whose logits the step gives
  std::int64_t score_end_ = 0;           // length of prompt and choice, when scoring
  std::vector<double> scores_;
  Sampler sampler_;
  std::unique_ptr<GrammarMatcher> matcher_;  // of request.json_schema
  std::function<void(std::string_view)> on_text_;
  AnswerStream answer_;
  std::size_t shown_bytes_ = 0, token_bytes_ = 0;
  std::vector<std::size_t> token_starts_;  // of result_.logprobs, in bytes of text
  std::size_t tokens_shown_ = 0;           // of result_.logprobs
  AnswerMemory answer_memory_;
  std::unique_ptr<ObjectDecoding> objects_;
  Tensor hidden_, object_row_;  // of the last position, and what the next one is: [1, D]
  SequenceResult result_;
};

}  // namespace oc
