// A sequence that is a choice to score: all of its tokens are known, and how likely each was is
// read from the logits behind the one before it.
#include <algorithm>

#include "runtime/decode/softmax.h"
#include "runtime/serving/sequence.h"

namespace oc {

void Sequence::begin_score(std::span<const TokenId> choice, std::span<const float> logits) {
  ids_.insert(ids_.end(), choice.begin(), choice.end());
  score_end_ = std::ssize(ids_);
  if (const int regime = context_.model.position_regime(score_end_); regime != regime_) {
    kv_->truncate(0);  // all of it again, as a model that is given the whole text does
    regime_ = regime;
    return;
  }
  score(prompt_.tokens - 1, logits);
}

StepInput Sequence::next_to_score(std::int64_t limit) {
  const std::int64_t from = kv_->length();
  const std::int64_t count = next_end(limit) - from;
  step_rows_.clear();
  for (std::int64_t i = 0; i < count; ++i)
    if (from + i >= prompt_.tokens - 1) step_rows_.push_back(i);
  return {.kv = kv_.get(),
          .ids = ids().subspan(static_cast<std::size_t>(from), static_cast<std::size_t>(count)),
          .image_rows = pictures_.joined() ? &pictures_.rows() : nullptr,
          .regime = regime_,
          .logits = !step_rows_.empty(),
          .logit_rows = step_rows_,
          .blocks = prompt_.blocks};
}

Result<void> Sequence::accept_scores(std::span<const float> logits) {
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
void Sequence::score(std::int64_t position, std::span<const float> logits) {
  const double total = log_sum_exp(logits);
  if (position + 1 < score_end_) {
    const auto next = static_cast<std::size_t>(ids_[static_cast<std::size_t>(position + 1)]);
    scores_.push_back(static_cast<double>(logits[next]) - total);
    return;
  }
  std::vector<float> ends;
  for (const TokenId id : context_.model.info().stop_ids)
    if (static_cast<std::size_t>(id) < logits.size())
      ends.push_back(logits[static_cast<std::size_t>(id)]);
  scores_.push_back(log_sum_exp(ends) - total);
  kv_.reset();  // nothing reads it again
  ended_ = true;
}

}  // namespace oc
