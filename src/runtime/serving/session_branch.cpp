// Several answers from one prompt: n > 1, and choices that are scored.
#include <algorithm>
#include <cmath>
#include <ranges>
#include <utility>

#include "runtime/decode/softmax.h"
#include "runtime/serving/session.h"

namespace oc {

// A sequence that goes on from the prompt of `first`.
Session::Session(const Session& first, std::size_t choice, std::uint64_t seed)
    : model_(first.model_),
      request_(first.request_),
      hooks_(first.hooks_),
      caches_(first.caches_),
      since_start_(first.since_start_),
      images_(first.images_),
      digests_(first.digests_),
      image_rows_(first.image_rows_),
      last_image_position_(first.last_image_position_),
      ids_(first.ids_),
      kv_(first.kv_->fork(first.kv_->length())),
      regime_(first.regime_),
      max_answer_(first.max_answer_),
      choice_(choice),
      sampler_(
          [&] {
            SamplingParams params = first.request_.sampling;
            params.seed = seed;
            return params;
          }(),
          first.model_.info().unnamed_ids),
      matcher_(first.matcher_ != nullptr ? first.matcher_->fork() : nullptr),
      on_text_([this](std::string_view text) { shown(text); }),
      answer_(first.model_.tokenizer(), first.request_.stop, on_text_) {
  result_.seed = seed;
  result_.prompt_tokens = first.result_.prompt_tokens;
}

std::vector<Session*> Session::sequences() {
  std::vector<Session*> all = {this};
  for (const auto& branch : branches_) all.push_back(branch.get());
  return all;
}

bool Session::done() const {
  return done_ && std::ranges::all_of(branches_, [](const auto& branch) { return branch->done_; });
}

std::int64_t Session::prompt_left() const {
  const auto left = [](const Session& one) {
    return one.done_ || one.answering() ? 0 : one.pending();
  };
  std::int64_t total = left(*this);
  for (const auto& branch : branches_) total += left(*branch);
  return total;
}

// Of a sequence of `length` tokens, the blocks that it does not share with the request's others: in
// the prompt's rope regime all share the prompt's whole blocks, in another one nothing.
std::int64_t Session::own_blocks(std::int64_t length, bool shares) const {
  const std::int64_t shared = result_.prompt_tokens / kKvBlockTokens * kKvBlockTokens;
  return whole_kv_blocks(shares ? length - shared : length);
}

std::int64_t Session::kv_needed() const {
  const bool shares = regime_ == model_.rope_regime(result_.prompt_tokens);
  const bool drafts = answering() && request_.sampling.temperature == 0;
  return own_blocks(std::ssize(ids_) + (drafts ? most_drafts() : 0), shares);
}

MemoryClaim Session::kv_claim() const {
  const std::int64_t prompt = result_.prompt_tokens;
  const std::int64_t shared = prompt / kKvBlockTokens * kKvBlockTokens;
  const int regime = model_.rope_regime(prompt);
  const bool shares = regime == model_.rope_regime(prompt + max_answer_);
  MemoryClaim claim;
  bool prompt_is_held = false;
  const auto add = [&](const Session& one) {
    const bool holds_prompt = one.regime_ == regime && !(one.done_ && one.kv_ == nullptr);
    prompt_is_held |= holds_prompt;
    claim.held += one.kv_given_;
    if (one.done_) {
      claim.most += one.kv_given_ + (holds_prompt && !shares ? shared : 0);
    } else {
      const std::int64_t answer = request_.choices.empty() ? max_answer_ : 0;
      claim.most += own_blocks(one.scoring() ? one.score_end_ : prompt + answer, shares);
    }
  };
  add(*this);
  for (const auto& branch : branches_) add(*branch);
  if (branches_.empty()) {  // those to come
    claim.most += (request_.n - 1) * own_blocks(prompt + max_answer_, shares);
    for (const auto& ids : choice_ids_) claim.most += own_blocks(prompt + std::ssize(ids), shares);
  }
  if (shares) claim.most += shared;
  if (prompt_is_held) claim.held += shared;
  return claim;
}

void Session::drop_ended() {
  for (const auto& branch : branches_) {
    if (!branch->done_) continue;
    branch->kv_.reset();
    branch->kv_given_ = 0;
  }
}

// The prompt is computed; its logits are everybody's first.
Result<void> Session::branch(std::span<const float> logits) {
  for (int i = 1; i < request_.n; ++i) {
    const auto choice = static_cast<std::size_t>(i);
    branches_.push_back(
        std::unique_ptr<Session>(new Session(*this, choice, sampler_.seed() + choice)));
  }
  for (const auto& other : branches_) OC_RETURN_IF_ERROR(other->take_token(logits));
  if (!choice_ids_.empty()) OC_RETURN_IF_ERROR(check_logits(logits));
  for (std::size_t i = 0; i < choice_ids_.size(); ++i) {
    branches_.push_back(std::unique_ptr<Session>(new Session(*this, i, sampler_.seed())));
    branches_.back()->begin_score(choice_ids_[i], logits);
  }
  if (!choice_ids_.empty()) done_ = true;
  return {};
}

// The block in which the prompt ends is copied by each answer that goes on in it, but the last one:
// what it takes is counted there.
void Session::hand_on_last_block() {
  if (done_) return;  // kept as it is, for retire()
  for (const auto& other : branches_ | std::views::reverse) {
    if (other->done_) continue;
    other->kv_given_ = std::exchange(kv_given_, 0);
    return;
  }
}

void Session::begin_score(std::span<const TokenId> choice, std::span<const float> logits) {
  ids_.insert(ids_.end(), choice.begin(), choice.end());
  score_end_ = std::ssize(ids_);
  if (const int regime = model_.rope_regime(score_end_); regime != regime_) {
    kv_->truncate(0);  // all of it again, as a model that is given the whole text does
    regime_ = regime;
    return;
  }
  score(result_.prompt_tokens - 1, logits);
}

StepInput Session::next_to_score(std::int64_t most_tokens_of_step) {
  const std::int64_t from = kv_->length();
  const std::int64_t count = std::min(pending(), most_tokens_of_step);
  step_rows_.clear();
  for (std::int64_t i = 0; i < count; ++i)
    if (from + i >= result_.prompt_tokens - 1) step_rows_.push_back(i);
  return {.kv = kv_.get(),
          .ids = std::span(ids_).subspan(static_cast<std::size_t>(from),
                                         static_cast<std::size_t>(count)),
          .image_rows = image_rows_.empty() ? nullptr : &image_rows_,
          .regime = regime_,
          .logit_rows = step_rows_};
}

Result<void> Session::accept_scores(std::span<const float> logits) {
  if (step_rows_.empty()) return {};
  OC_RETURN_IF_ERROR(check_logits(logits));
  const std::size_t width = logits.size() / step_rows_.size();
  const std::int64_t first =
      kv_->length() - step_rows_.back() - 1;  // the step's last row was wanted
  for (std::size_t i = 0; i < step_rows_.size(); ++i)
    score(first + step_rows_[i], logits.subspan(i * width, width));
  return {};
}

// The logits behind the token at `position` say how likely the next one is; behind the last one,
// how likely the answer is to end.
void Session::score(std::int64_t position, std::span<const float> logits) {
  const double total = log_sum_exp(logits);
  if (position + 1 < score_end_) {
    const auto next = static_cast<std::size_t>(ids_[static_cast<std::size_t>(position + 1)]);
    scores_.push_back(static_cast<double>(logits[next]) - total);
    return;
  }
  std::vector<float> ends;
  for (const TokenId id : model_.info().stop_ids)
    if (static_cast<std::size_t>(id) < logits.size())
      ends.push_back(logits[static_cast<std::size_t>(id)]);
  scores_.push_back(log_sum_exp(ends) - total);
  kv_.reset();  // nothing reads it again
  done_ = true;
}

void Session::conclude_scores() {
  std::vector<double> sums;
  for (const auto& branch : branches_) {
    ChoiceScore& score = result_.scores.emplace_back();
    score.text = request_.choices[branch->choice_];
    score.tokens = std::ssize(branch->scores_);
    for (const double logprob : branch->scores_) score.logprob += logprob;
    score.mean_logprob = score.logprob / static_cast<double>(score.tokens);
    sums.push_back(score.logprob);
    result_.completion_tokens += score.tokens;
  }
  const double total = log_sum_exp(sums);
  for (ChoiceScore& score : result_.scores) score.probability = std::exp(score.logprob - total);
  const auto best = std::ranges::max_element(result_.scores, {}, &ChoiceScore::logprob);
  result_.text = best->text;
  result_.ids = choice_ids_[static_cast<std::size_t>(best - result_.scores.begin())];
  if (hooks_.on_piece) hooks_.on_piece({.text = result_.text});
  result_.timings.total_ms = since_start_.ms();
  result_.timings.ttft_ms = result_.timings.total_ms;
}

AnswerMemory Session::answer_memory() const {
  AnswerMemory all = answer_memory_;
  for (const auto& branch : branches_) all += branch->answer_memory_;
  return all;
}

GenerateResult Session::take_result() {
  if (!request_.choices.empty()) conclude_scores();
  for (const auto& branch : branches_) {
    if (branch->scoring()) continue;
    result_.completion_tokens += branch->result_.completion_tokens;
    result_.drafted_tokens += branch->result_.drafted_tokens;
    result_.accepted_tokens += branch->result_.accepted_tokens;
    Timings &all = result_.timings, &own = branch->result_.timings;
    all.total_ms = std::max(all.total_ms, own.total_ms);
    all.decode_tokens_per_second += own.decode_tokens_per_second;
    result_.more.push_back(std::move(static_cast<Answer&>(branch->result_)));
  }
  result_.timings.decode_ms = result_.timings.total_ms - result_.timings.ttft_ms;
  return std::move(result_);
}

// More text of this answer is out, and with it the tokens that it begins in.
void Session::shown(std::string_view text, bool all) {
  shown_bytes_ += text.size();
  answer_memory_ += memory_of(text);
  const std::size_t from = tokens_shown_;
  while (tokens_shown_ < result_.logprobs.size() &&
         (all || token_starts_[tokens_shown_] < shown_bytes_))
    ++tokens_shown_;
  if (hooks_.on_piece)
    hooks_.on_piece(
        {.text = text,
         .choice = choice_,
         .tokens = std::span(std::as_const(result_.logprobs)).subspan(from, tokens_shown_ - from)});
}

TokenLogprobs Session::describe(TokenId id, std::span<const float> logits) {
  const double total = log_sum_exp(logits);
  const auto logprob = [&](TokenId of) {
    return static_cast<double>(logits[static_cast<std::size_t>(of)]) - total;
  };
  const bool first = token_bytes_ == 0;
  TokenLogprobs out{token(id, logprob(id), first), {}};
  for (const TokenId other :
       top_ids(logits, static_cast<std::size_t>(request_.top_logprobs), model_.info().unnamed_ids))
    out.top.push_back(token(other, logprob(other), first));
  token_starts_.push_back(token_bytes_);
  if (!out.control) token_bytes_ += out.bytes.size();
  return out;
}

// The text of an answer begins without the space of its first token; so does the token.
ScoredToken Session::token(TokenId id, double logprob, bool first) const {
  ScoredToken out{model_.tokenizer()->bytes_of(id), model_.tokenizer()->is_special(id), logprob};
  if (first && !out.control && out.bytes.starts_with(' ')) out.bytes.erase(0, 1);
  return out;
}

}  // namespace oc
