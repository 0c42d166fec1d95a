#include "runtime/serving/prompt_answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace oc {
namespace {

// From when the first was submitted to the end of the last: they run beside each other.
Timings beside(const Timings& a, const Timings& b) {
  return {.queue_ms = std::max(a.queue_ms, b.queue_ms),
          .preprocess_ms = std::max(a.preprocess_ms, b.preprocess_ms),
          .encode_ms = std::max(a.encode_ms, b.encode_ms),
          .prefill_ms = std::max(a.prefill_ms, b.prefill_ms),
          .ttft_ms = std::min(a.ttft_ms, b.ttft_ms),
          .total_ms = std::max(a.total_ms, b.total_ms)};
}

void add(GenerateResult& all, GenerateResult one) {
  std::ranges::move(one.scores, std::back_inserter(all.scores));
  all.prompt_tokens += one.prompt_tokens;
  all.cached_tokens += one.cached_tokens;
  all.completion_tokens += one.completion_tokens;
  all.drafted_tokens += one.drafted_tokens;
  all.accepted_tokens += one.accepted_tokens;
  all.cached = all.cached && one.cached;
  all.timings = beside(all.timings, one.timings);
  if (all.memory && one.memory)
    all.memory->absorb(*one.memory);
  else if (one.memory)
    all.memory = std::move(one.memory);
  std::vector<Answer> more = std::move(one.more);
  all.more.push_back(std::move(static_cast<Answer&>(one)));
  std::ranges::move(more, std::back_inserter(all.more));
}

}  // namespace

PromptAnswers::PromptAnswers(std::size_t prompts, std::size_t n, std::shared_ptr<Job> job,
                             OnPiece on_piece, OnDone on_done)
    : n_(n),
      job_(std::move(job)),
      on_piece_(std::move(on_piece)),
      on_done_(std::move(on_done)),
      left_(prompts),
      answers_(prompts) {}

void PromptAnswers::piece(std::size_t prompt, AnswerPiece piece) {
  const std::lock_guard lock(mutex_);
  if (!on_piece_ || failure_) return;
  piece.choice += prompt * n_;
  on_piece_(piece);
}

void PromptAnswers::done(std::size_t prompt, Result<GenerateResult> result) {
  {
    const std::lock_guard lock(mutex_);
    // Nothing is thrown before `left_` is counted.
    if (result.ok()) {
      if (!failure_) answers_[prompt] = *std::move(result);
    } else if (!failure_) {
      failure_ = std::move(result).error();
      answers_.clear();
      job_->cancel();
    }
    if (--left_ > 0) return;
  }
  if (failure_) return on_done_(*std::move(failure_));
  GenerateResult all;
  const Result<void> made = guarded([&]() -> Result<void> {
    all = joined(std::move(answers_));
    return {};
  });
  on_done_(made.ok() ? Result<GenerateResult>(std::move(all)) : made.error());
}

GenerateResult joined(std::vector<GenerateResult> answers) {
  GenerateResult out = std::move(answers.front());
  if (answers.size() == 1) return out;
  for (std::size_t i = 1; i < answers.size(); ++i) add(out, std::move(answers[i]));
  Timings& times = out.timings;
  times.decode_ms = std::max(times.total_ms - times.ttft_ms, 0.0);
  if (out.completion_tokens > 1 && times.decode_ms > 0)
    times.decode_tokens_per_second =
        static_cast<double>(out.completion_tokens - 1) * 1000 / times.decode_ms;
  return out;
}

Error of_prompt(Error error, std::size_t index) {
  constexpr std::string_view kName = "prompt", kQuoted = "\"prompt";
  const std::size_t length = error.message.size();
  const std::string place = fmt::format("[{}]", index);
  const bool names_it = error.param == kName || error.param.starts_with("prompt[");
  if (names_it) error.param.insert(kName.size(), place);
  for (std::size_t at = 0; (at = error.message.find(kQuoted, at)) != std::string::npos;) {
    at += kQuoted.size();
    if (at < error.message.size() && (error.message[at] == '"' || error.message[at] == '['))
      error.message.insert(at, place);
  }
  if (names_it && error.message.size() == length)  // it says not which
    error.message.insert(0, fmt::format("\"{}\": ", error.param));
  return error;
}

}  // namespace oc
