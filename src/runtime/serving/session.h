// One running request: its pictures, the sequence that computes its prompt, and those that go on
// from there. Dies with it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "runtime/serving/request_plan.h"
#include "runtime/serving/sequence.h"

namespace oc {

// A request as a sequence of steps, so that others can run in between. prepare() and preprocess()
// run on any thread, before all else; then, on the engine's only thread:
//
//   start();
//   while (!done()) {
//     interrupted();
//     Sequence& one = ...;  // of sequences(), one that has not ended
//     if (one.needs_images()) encode_step();
//     else if (one.next_is_layered(n)) step_layers(one, n);
//     else { input = one.next(n); forward(input); accept(one, logits); }
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
  Session(const Model& model, const GenerateRequest& request, const GenerateHooks& hooks,
          RequestCaches caches = {})
      : context_{model, request, hooks, caches}, pictures_(context_) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // How each picture will be shown, the token ids, and how many tokens the answer may have. Errors:
  // whatever is wrong with the request for this model. All that follows is for who has called it.
  Result<void> prepare();
  // Those pictures that `wanted` says yes to, see RequestImages.
  Result<void> preprocess(const RequestImages::Wanted& wanted);
  // A schema is still to be compiled, and use() to be called, before start().
  bool needs_grammar() const {
    return context_.request.json_schema && !sequences_.front()->has_grammar();
  }
  void use(const Grammar& grammar) { sequences_.front()->use(grammar); }
  void start();  // looks into the caches

  // Each is to be stepped by itself. The first one computes the prompt and is the first answer;
  // the others (n, choices) are there once the prompt is computed.
  std::span<const std::unique_ptr<Sequence>> sequences() const { return sequences_; }
  std::int64_t answer_tokens() const;  // of all answers, so far
  bool done() const;                   // all have ended
  // Of prompts, pictures' included, and of choices that are still to be computed.
  std::int64_t prompt_left() const;
  const RequestImages& pictures() const { return pictures_; }
  bool may_set_knobs() const { return context_.request.may_set_knobs; }
  // Of a prepared one, any thread: what it would take now, but for what only the service knows.
  RequestPlan plan() const;
  Result<void> encode_step();  // one view of a picture
  // Some layers of a step of one of the sequences (Sequence::next_is_layered), and what follows
  // from the last of them.
  Result<void> step_layers(Sequence& sequence, std::int64_t limit);
  // After a step of one of the sequences; logits as its input asked for.
  Result<void> accept(Sequence& sequence, std::span<const float> logits);
  // kCancelled or kDeadline, naming what it was doing.
  Result<void> interrupted() const;

  // Keys and values in tokens of whole blocks, those of all answers together; the prompt is counted
  // once. An answer that is not stepped keeps what it has.
  MemoryClaim kv_claim() const;
  AnswerMemory answer_memory() const;  // what the answers take so far
  void drop_ended();  // keys and values of answers that have ended, but the first's: see retire()

  void retire();  // leaves what was computed to the prefix cache; the last thing to be called
  GenerateResult take_result();

 private:
  Result<void> prepare_grammar();
  Result<void> limit_answer();
  std::int64_t context() const;
  Error too_long(std::int64_t prompt_tokens, bool at_least) const;
  PrefixKey prefix_key(const Sequence& sequence) const;
  Result<void> fan_out(std::span<const float> logits);
  void hand_on_last_block();
  void conclude_scores();
  void tell(AnswerPhase phase, std::int64_t done, std::int64_t total);
  void tell_views();
  void tell_prefill();
  void tell_answers();
  void warn();
  std::string_view phase() const;

  const RequestContext context_;
  RequestImages pictures_;
  PreparedPrompt prompt_;
  std::string warning_;                               // of the prompt
  std::vector<std::unique_ptr<Sequence>> sequences_;  // the prompt's first
  bool prompt_computed_ = false;
  std::vector<std::vector<TokenId>> choice_ids_;  // of request.choices
  std::optional<AnswerProgress> told_;
  GenerateResult result_;  // but the answers
};

}  // namespace oc
