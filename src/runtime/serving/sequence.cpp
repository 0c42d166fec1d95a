#include "runtime/serving/sequence.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/log.h"
#include "base/printable.h"
#include "runtime/decode/softmax.h"

namespace oc {

Sequence::Sequence(const RequestContext& context, const RequestImages& pictures,
                   const PreparedPrompt& prompt, std::vector<TokenId> ids, std::size_t index,
                   const SamplingParams& sampling)
    : context_(context),
      pictures_(pictures),
      prompt_(prompt),
      index_(index),
      ids_(std::move(ids)),
      regime_(prompt.regime),
      sampler_(sampling, context.model.info().banned_ids),
      on_text_([this](std::string_view text) { show(text); }),
      answer_(context.model.tokenizer(), context.request.stop, on_text_,
              context.request.raw_prompt.has_value()) {
  result_.seed = sampler_.seed();
}

std::unique_ptr<Sequence> Sequence::fork(std::size_t index, std::uint64_t seed) const {
  SamplingParams sampling = context_.request.sampling;
  sampling.seed = seed;
  auto other = std::make_unique<Sequence>(context_, pictures_, prompt_, ids_, index, sampling);
  other->kv_ = fork_kv();
  if (matcher_ != nullptr) other->matcher_ = matcher_->fork();
  return other;
}

std::int64_t Sequence::chunk(std::int64_t limit) const {
  // Attention costs as much as all the rest behind some 3,000 keys (measured).
  constexpr std::int64_t kEvenKeys = 3000, kMin = 8;
  const std::int64_t fair =
      limit * 2 * kEvenKeys / (kEvenKeys + std::max(kv_->length(), kEvenKeys));
  return std::clamp(fair / kMin * kMin, std::min(kMin, limit), limit);
}

StepInput Sequence::next(std::int64_t limit) {
  static constexpr TokenId kObjectRow = -1;  // the first one of its own rows
  if (!since_first_step_) since_first_step_.emplace();
  draft_.clear();
  if (objects_ != nullptr)
    return {.kv = kv_.get(),
            .ids = {&kObjectRow, 1},
            .image_rows = &object_row_,
            .regime = regime_,
            .logits = objects_->wants_logits()};
  if (scoring()) return next_to_score(limit);
  if (answering() && context_.request.draft_tokens > 0 &&
      context_.request.sampling.temperature == 0) {
    draft();
    if (draft_.size() > 1)
      return {.kv = kv_.get(), .ids = draft_, .regime = regime_, .logit_rows = step_rows_};
    draft_.clear();
  }
  const std::int64_t count = next_end(limit) - kv_->length();
  return {.kv = kv_.get(),
          .ids = ids().subspan(static_cast<std::size_t>(kv_->length()),
                               static_cast<std::size_t>(count)),
          .image_rows = pictures_.joined() ? &pictures_.rows() : nullptr,
          .regime = regime_,
          .logits = kv_->length() + count == std::ssize(ids_),
          .blocks = prompt_.blocks};
}

std::optional<std::vector<float>> Sequence::step_layers(std::int64_t limit) {
  if (!layered_) {
    const StepInput input = next(limit);
    layered_.emplace(context_.model, input);
  }
  layered_->advance(limit);
  if (!layered_->done()) return std::nullopt;
  std::vector<float> logits = layered_->finish();
  if (finds_objects()) hidden_ = layered_->hidden();
  layered_.reset();
  return logits;
}

Result<void> Sequence::accept(std::span<const float> logits) {
  if (scoring()) return accept_scores(logits);
  if (objects_ != nullptr) return take_position(logits);
  if (!draft_.empty()) return accept_draft(logits);
  return pending() > 0 ? Result<void>() : take_token(logits);
}

std::int64_t Sequence::draft_limit() const {
  return std::min<std::int64_t>(context_.request.draft_tokens,
                                prompt_.max_answer - result_.completion_tokens - 1);
}

// Prompt lookup: what stood behind the latest earlier place of the last three (or two) tokens.
void Sequence::draft() {
  const std::int64_t total = std::ssize(ids_);
  draft_.push_back(ids_.back());
  std::int64_t limit = draft_limit();
  while (limit > 0 && context_.model.position_regime(total + limit) != regime_) --limit;
  for (std::int64_t length = std::min<std::int64_t>(3, total - 1); length >= 2 && limit > 0;
       --length)
    for (std::int64_t end = total - 1; end >= length; --end) {
      if (!std::equal(ids_.end() - length, ids_.end(), ids_.begin() + end - length)) continue;
      for (std::int64_t i = end; i < std::min(end + limit, total); ++i) {
        const TokenId id = ids_[static_cast<std::size_t>(i)];
        if (id < 0) break;  // a picture's
        draft_.push_back(id);
      }
      limit = 0;
      break;
    }
  step_rows_.resize(draft_.size());
  std::iota(step_rows_.begin(), step_rows_.end(), std::int64_t{0});
}

Result<void> Sequence::accept_draft(std::span<const float> logits) {
  const std::size_t width = logits.size() / draft_.size();
  result_.drafted_tokens += std::ssize(draft_) - 1;
  for (std::size_t i = 0; i < draft_.size(); ++i) {
    OC_RETURN_IF_ERROR(take_token(logits.subspan(i * width, width)));
    if (ended_ || kv_->length() == 0) break;  // ended, or in another position regime
    if (i + 1 == draft_.size() || ids_.back() != draft_[i + 1]) break;
    ++result_.accepted_tokens;
  }
  // Keys of wrong guesses; the last token is still to be computed.
  kv_->truncate(std::min<std::int64_t>(kv_->length(), std::ssize(ids_) - (ended_ ? 0 : 1)));
  return {};
}

Result<void> Sequence::take_token(std::span<const float> logits) {
  const GenerateRequest& request = context_.request;
  const std::vector<TokenId>& stop_ids = context_.model.info().stop_ids;
  OC_ASSIGN_OR_RETURN(const TokenId id,
                      sampler_.sample(logits, ids_, static_cast<std::size_t>(prompt_.tokens),
                                      matcher_ != nullptr ? matcher_->allowed()
                                                          : std::span<const std::uint32_t>()));
  if (++result_.completion_tokens == 1) result_.ttft_ms = context_.since_start.ms();
  log::step("token", request.id, "choice", index_, "n", result_.completion_tokens, "at_ms",
            context_.since_start.ms());
  if (std::find(stop_ids.begin(), stop_ids.end(), id) != stop_ids.end()) {
    result_.stop_token = id;
    end(StopCause::kStopToken);
    return {};
  }
  if (matcher_ != nullptr) matcher_->accept(id);
  result_.ids.push_back(id);
  ids_.push_back(id);
  if (request.logprobs) result_.logprobs.push_back(describe(id, logits));
  answer_memory_ += memory_of_token(request.logprobs ? &result_.logprobs.back() : nullptr);
  answer_.push(id);
  if (answer_.stopped()) {
    end(StopCause::kStopString);
  } else if (result_.completion_tokens == prompt_.max_answer) {
    const bool asked = request.max_tokens && *request.max_tokens == prompt_.max_answer;
    end(asked ? StopCause::kMaxTokens : StopCause::kContextFull);
  } else {
    follow_regime();
  }
  return {};
}

Result<void> Sequence::take_position(std::span<const float> logits) {
  const GenerateRequest& request = context_.request;
  OC_RETURN_IF_ERROR(check_logits(logits));  // where there are any
  if (objects_ == nullptr) objects_ = context_.model.begin_objects(*request.task, {});
  OC_CHECK(objects_ != nullptr, "a model without objects");
  if (++result_.completion_tokens == 1) result_.ttft_ms = context_.since_start.ms();
  log::step("position", request.id, "n", result_.completion_tokens, "at_ms",
            context_.since_start.ms());
  OC_ASSIGN_OR_RETURN(object_row_, objects_->next(logits, std::exchange(hidden_, {})));
  const auto found = objects_->objects();
  result_.objects.assign(found.begin(), found.end());
  if (object_row_.empty()) {
    result_.stop_token = objects_->stop_token();
    end(result_.stop_token ? StopCause::kStopToken : StopCause::kMaxObjects);
  } else if (result_.completion_tokens == prompt_.max_answer) {
    const bool asked = request.max_tokens && *request.max_tokens == prompt_.max_answer;
    end(asked ? StopCause::kMaxTokens : StopCause::kContextFull);
  } else {
    ids_.push_back(-1);
    answer_memory_ += memory_of_token(nullptr);
    follow_regime();
  }
  return {};
}

void Sequence::keep_prompt() {
  ids_.resize(static_cast<std::size_t>(std::min<std::int64_t>(std::ssize(ids_), prompt_.tokens)));
  if (kv_->length() > prompt_.tokens) kv_->truncate(prompt_.tokens);
}

// Where the sequence has grown into another position regime, the cached keys are rotated wrongly:
// everything is computed again (the reference: prepare_inputs_for_generation drops
// past_key_values).
void Sequence::follow_regime() {
  const int regime = context_.model.position_regime(std::ssize(ids_));
  if (regime == regime_) return;
  kv_->truncate(0);
  regime_ = regime;
}

void Sequence::end(StopCause cause) {
  ended_ = true;
  answer_.finish();
  if (answer_.stopped()) {  // perhaps only now, in what was held back
    cause = StopCause::kStopString;
    result_.stop_token = std::nullopt;
  }
  result_.stop_cause = cause;
  result_.finish_reason = finish_reason_of(cause);
  result_.stop_string = answer_.stop_string();
  if (result_.stop_string)
    result_.logprobs.resize(tokens_shown_);  // the others' text is not shown
  else if (tokens_shown_ < result_.logprobs.size())
    show("", true);
  result_.text = answer_.text();
  if (!finds_objects()) result_.warning = empty_warning();
  result_.total_ms = context_.since_start.ms();
  const double decode_ms = result_.total_ms - result_.ttft_ms;
  if (result_.completion_tokens > 1 && decode_ms > 0)
    result_.decode_tokens_per_second =
        static_cast<double>(result_.completion_tokens - 1) * 1000 / decode_ms;
}

std::optional<std::string> Sequence::empty_warning() const {
  if (!result_.text.empty()) return std::nullopt;
  const auto name = [this](TokenId id) {
    return fmt::format("{} ({})", context_.model.tokenizer()->token(id).value_or("without a name"),
                       id);
  };
  if (result_.stop_string)
    return fmt::format("the answer is empty: it began with the stop string {}",
                       oc::excerpt(*result_.stop_string));
  if (result_.ids.empty())
    return fmt::format("the answer is empty: the model's first token was the stop token {}",
                       name(*result_.stop_token));
  return fmt::format(
      "the answer is empty: the {} token{} that the model produced, {} first, {} no text",
      result_.ids.size(), result_.ids.size() == 1 ? "" : "s", name(result_.ids.front()),
      result_.ids.size() == 1 ? "has" : "have");
}

// More text of this answer is out, and with it the tokens that it begins in.
void Sequence::show(std::string_view text, bool all) {
  shown_bytes_ += text.size();
  answer_memory_ += memory_of(text);
  const std::size_t from = tokens_shown_;
  while (tokens_shown_ < result_.logprobs.size() &&
         (all || token_starts_[tokens_shown_] < shown_bytes_))
    ++tokens_shown_;
  if (context_.hooks.on_piece)
    context_.hooks.on_piece(
        {.text = text,
         .choice = index_,
         .tokens = std::span(std::as_const(result_.logprobs)).subspan(from, tokens_shown_ - from)});
}

TokenLogprobs Sequence::describe(TokenId id, std::span<const float> logits) {
  const double total = log_sum_exp(logits);
  const auto logprob = [&](TokenId of) {
    return static_cast<double>(logits[static_cast<std::size_t>(of)]) - total;
  };
  const bool first = token_bytes_ == 0 && !context_.request.raw_prompt;
  TokenLogprobs out{describe_one(id, logprob(id), first), {}};
  for (const TokenId other :
       top_ids(logits, static_cast<std::size_t>(context_.request.top_logprobs),
               context_.model.info().banned_ids))
    out.top.push_back(describe_one(other, logprob(other), first));
  token_starts_.push_back(token_bytes_);
  if (!out.control) token_bytes_ += out.bytes.size();
  return out;
}

// The tokens' bytes add up to the text of the answer, whatever that leaves out of its first one.
ScoredToken Sequence::describe_one(TokenId id, double logprob, bool first) const {
  const Tokenizer& tokenizer = *context_.model.tokenizer();
  return {first ? tokenizer.first_bytes_of(id) : tokenizer.bytes_of(id), tokenizer.is_special(id),
          logprob};
}

std::int64_t Sequence::kv_needed() const {
  const bool shares = regime_ == prompt_.regime;
  const bool drafts = answering() && context_.request.sampling.temperature == 0;
  return prompt_.kv_beyond(std::ssize(ids_) + (drafts ? draft_limit() : 0), shares);
}

MemoryClaim Sequence::kv_claim(bool shares) const {
  if (ended_) return {kv_given_, kv_given_ + (holds_prompt() && !shares ? prompt_.shared_kv() : 0)};
  const std::int64_t answer = context_.request.choices.empty() ? prompt_.max_answer : 0;
  return {kv_given_, prompt_.kv_beyond(scoring() ? score_end_ : prompt_.tokens + answer, shares)};
}

std::unique_ptr<KvSequence> Sequence::take_kv() {
  if (layered_) {  // it was given up
    layered_.reset();
    kv_->truncate(kv_->length());
  }
  return std::move(kv_);
}

void Sequence::drop_kv() {
  kv_.reset();
  kv_given_ = 0;
}

}  // namespace oc
