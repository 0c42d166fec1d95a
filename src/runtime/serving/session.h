// Everything that belongs to one running request: its tokens, its cache, its answer. Dies with it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "runtime/answer_memory.h"
#include "runtime/cache/image_cache.h"
#include "runtime/cache/image_store.h"
#include "runtime/cache/prefix_cache.h"
#include "runtime/decode/answer_text.h"
#include "runtime/grammar/grammar.h"
#include "runtime/request.h"
#include "runtime/serving/fair_shares.h"

namespace oc {

// What sessions of one model share. Any may be null; they outlive the sessions.
struct SessionCaches {
  PrefixCache* prefixes = nullptr;
  ImageCache* pictures = nullptr;
  GrammarCache* grammars = nullptr;
  bool compiles_later = false;        // prepare() leaves schemas that are not known to the caller
  ImageStore* stored = nullptr;       // pictures on disk
  std::string_view computed_by = {};  // for stored_image_key()

  // Of pictures or prefixes.
  bool any() const { return prefixes != nullptr || pictures != nullptr || stored != nullptr; }
};

// A request as a sequence of steps, so that others can run in between. prepare() and preprocess()
// run on any thread, before all else; then, on the engine's only thread:
//
//   start();
//   while (!done()) {
//     interrupted();
//     if (needs_pictures()) encode_step();
//     else { input = next(n); forward(input); accept(logits); }
//   }
//
// With request.draft_tokens a step of a greedy answer also tries what followed the answer's last
// words when they occurred before (prompt lookup); what the model itself would have said is kept,
// so the answer is the same.
//
// generate() is this loop for one request, the service's scheduler for many. model, request, hooks
// and caches must outlive it.
class Session {
 public:
  // Tokens of one prefill step: short enough to notice a cancelled request in time.
  static constexpr std::int64_t kPrefillChunk = 512;

  Session(const Model& model, const GenerateRequest& request, const GenerateHooks& hooks,
          SessionCaches caches = {});

  // How each picture will be shown, the token ids, and how many tokens the answer may have. Errors:
  // whatever is wrong with the request for this model.
  Result<void> prepare();
  // Reads the pictures that `wanted` says yes to from disk, given the key under which they are
  // cached and the bytes that they will take; those that are not there it resizes, cuts and
  // normalises. encode_step() does the others.
  Result<void> preprocess(const std::function<bool(const std::string&, std::size_t)>& wanted);
  // A schema is still to be compiled, and use() to be called, before start().
  bool needs_grammar() const { return request_.json_schema && matcher_ == nullptr; }
  void use(const Grammar& grammar) { matcher_ = grammar.start(); }
  void start();  // looks into the caches, makes the sequence

  // The request's answers: this one, and those that went on from its prompt (n, choices), each to
  // be stepped by itself. The latter are there once the prompt is computed; only this one is asked
  // for done(), interrupted() and the result.
  std::vector<Session*> sequences();
  bool done() const;
  bool ended() const { return done_; }  // this sequence alone
  bool scoring() const { return score_end_ > 0; }

  // Tokens of prompts, pictures' included, and of choices that are still to be computed.
  std::int64_t prompt_left() const;

  // Keys and values, in tokens of whole blocks. Those of the request, all answers together, from
  // prepare() on: the prompt is counted once. An answer that is not stepped keeps what it has.
  MemoryClaim kv_claim() const;
  // Of this sequence alone: what it was given, and what it has to be given for its next step.
  std::int64_t kv_given() const { return kv_given_; }
  std::int64_t kv_needed() const;
  void give_kv(std::int64_t tokens) { kv_given_ = tokens; }
  // What the request's answers take so far.
  AnswerMemory answer_memory() const;
  void drop_ended();  // keys and values of answers that have ended, but the first's: see retire()

  // kCancelled or kDeadline, naming what it was doing.
  Result<void> interrupted() const;
  bool needs_pictures() const;  // encode_step() is next
  const std::vector<std::string>& picture_keys() const { return digests_; }
  Result<void> encode_step();  // one image tile
  // The prompt is computed: a step is one token.
  bool answering() const { return !scoring() && result_.completion_tokens > 0 && pending() == 1; }
  // Of the next tokens those that take about as long as `most` do at a prompt's beginning, or at
  // most twice: a step of a prompt with 100,000 tokens would keep all others, and who cancels it,
  // waiting for ten seconds.
  std::int64_t piece(std::int64_t most) const;
  StepInput next(std::int64_t most_tokens_of_step);
  // Whether the logits of the step that next() described are used.
  bool wants_logits(const StepInput& input) const {
    if (scoring()) return !input.logit_rows.empty();
    return kv_->length() + std::ssize(input.ids) >= std::ssize(ids_);
  }
  // After the step; logits [rows, V] as the input asked for, empty when they were not wanted.
  Result<void> accept(std::span<const float> logits);

  void retire();  // leaves what was computed to the prefix cache; the last thing to be called
  GenerateResult take_result();

 private:
  Session(const Session& first, std::size_t choice, std::uint64_t seed);

  Result<void> branch(std::span<const float> logits);
  void hand_on_last_block();
  void begin_score(std::span<const TokenId> choice, std::span<const float> logits);
  bool read_stored(std::size_t picture);
  Result<std::unique_ptr<ImageEncoding>> begin_picture(std::size_t picture) const;
  Tensor known_picture(std::size_t picture);
  void keep_picture(std::size_t picture, const Tensor& rows);
  StepInput next_to_score(std::int64_t most_tokens_of_step);
  Result<void> accept_scores(std::span<const float> logits);
  void score(std::int64_t position, std::span<const float> logits);
  void conclude_scores();
  void shown(std::string_view text, bool all = false);
  TokenLogprobs describe(TokenId id, std::span<const float> logits);
  ScoredToken token(TokenId id, double logprob, bool first) const;
  std::int64_t own_blocks(std::int64_t length, bool shares) const;
  std::int64_t most_drafts() const;
  std::int64_t pending() const { return std::ssize(ids_) - kv_->length(); }
  std::string_view phase() const;
  Result<void> limit_answer(std::int64_t prompt_tokens);
  std::int64_t context() const;
  Error too_long(std::int64_t prompt_tokens, bool at_least) const;
  Result<void> prepare_grammar();
  Result<void> take_token(std::span<const float> logits);
  void guess();
  Result<void> accept_guesses(std::span<const float> logits);
  void follow_regime();
  PrefixKey prefix_key() const;
  void end(StopCause cause);
  std::optional<std::string> empty_warning() const;

  const Model& model_;
  const GenerateRequest& request_;
  const GenerateHooks& hooks_;
  SessionCaches caches_;
  Stopwatch since_start_, since_prefill_;

  std::vector<ImagePlan> images_;
  std::vector<std::string> digests_;                          // of the pictures
  std::vector<Tensor> embeds_;                                // of the pictures encoded so far
  std::vector<std::unique_ptr<ImageEncoding>> preprocessed_;  // of each picture, or null
  std::vector<std::optional<ImageRows>> stored_;              // of each picture, from the disk
  std::unique_ptr<ImageEncoding> encoding_;                   // of the one after embeds_
  Tensor image_rows_;                                         // [image tokens, D], all of them
  std::int64_t last_image_position_ = -1;                     // in ids_
  std::vector<TokenId> ids_;                                  // prompt and answer so far
  std::unique_ptr<KvSequence> kv_;                            // the first kv_->length() of ids_
  std::int64_t kv_given_ = 0;                                 // blocks of its own that it may use
  int regime_ = 0;                                            // under which kv_ was computed
  bool prefilling_ = false, done_ = false;
  std::vector<TokenId> step_;            // the pending token and guesses of what follows it
  std::vector<std::int64_t> step_rows_;  // all of them
  std::int64_t max_answer_ = 0;          // tokens, stop token included
  std::size_t choice_ = 0;               // which answer this is
  std::vector<std::unique_ptr<Session>> branches_;
  std::vector<std::vector<TokenId>> choice_ids_;  // of request.choices
  std::int64_t score_end_ = 0;                    // length of prompt and choice, when scoring
  std::vector<double> scores_;                    // of its tokens so far, the end's last
  std::size_t shown_bytes_ = 0, token_bytes_ = 0;
  AnswerMemory answer_memory_;             // of this one
  std::vector<std::size_t> token_starts_;  // of result_.logprobs, in bytes of text
  std::size_t tokens_shown_ = 0;           // of result_.logprobs
  Sampler sampler_;
  std::unique_ptr<GrammarMatcher> matcher_;  // of request.json_schema
  std::function<void(std::string_view)> on_text_;
  AnswerStream answer_;
  GenerateResult result_;
};

}  // namespace oc
