#include "runtime/cache/could_answer.h"

#include <algorithm>

#include "io/json.h"

namespace oc {
namespace {

constexpr int kDeepestAnswer = 512;  // that JSON of a schema may be nested

bool is_complete_json(const std::string& text) {
  return parse_json(text, "answer", kDeepestAnswer).ok();
}

// `index`: which one of the request's n.
bool fits_one(const GenerateRequest& request, const Answer& answer, std::size_t index) {
  const bool scored = !request.choices.empty();
  if (answer.finish_reason != finish_reason_of(answer.stop_cause)) return false;
  const bool stopped = answer.stop_cause == StopCause::kStopString;
  if (answer.stop_string.has_value() != stopped) return false;
  if (stopped && std::ranges::find(request.stop, *answer.stop_string) == request.stop.end())
    return false;
  const bool objects = request.task && finds_objects(*request.task);
  if (!objects && !answer.objects.empty()) return false;
  if (objects && !answer.text.empty()) return false;
  if (objects && std::ssize(answer.objects) > max_objects(*request.task)) return false;
  if (answer.stop_cause == StopCause::kMaxObjects &&
      (!objects || std::ssize(answer.objects) != max_objects(*request.task)))
    return false;
  if (request.sampling.seed && answer.seed != *request.sampling.seed + index) return false;
  if (!scored && request.max_tokens && std::ssize(answer.ids) > *request.max_tokens) return false;
  if (!request.logprobs && !answer.logprobs.empty()) return false;
  if (request.logprobs && !scored) {
    // One for each token; behind a stop string none for those that are not shown.
    if (answer.logprobs.size() > answer.ids.size()) return false;
    if (!stopped && answer.logprobs.size() < answer.ids.size()) return false;
    for (const TokenLogprobs& token : answer.logprobs)
      if (std::ssize(token.top) > request.top_logprobs) return false;
  }
  const bool ended = answer.stop_cause == StopCause::kStopToken;
  return !request.json_schema || !ended || is_complete_json(answer.text);
}

bool fits_scores(const GenerateRequest& request, const GenerateResult& result) {
  const auto is_of = [](const ChoiceScore& score, const std::string& choice) {
    return score.text == choice && score.tokens > 0;
  };
  return std::ranges::equal(result.scores, request.choices, is_of) &&
         (request.choices.empty() ||
          std::ranges::find(request.choices, result.text) != request.choices.end());
}

}  // namespace

bool could_answer(const GenerateRequest& request, std::int64_t image_tokens,
                  const GenerateResult& result) {
  if (std::ssize(result.more) + 1 != std::max(request.n, 1)) return false;
  if (result.image_tokens != image_tokens || !fits_scores(request, result)) return false;
  if (!fits_one(request, result, 0)) return false;
  std::int64_t tokens = std::ssize(result.ids);
  for (std::size_t i = 0; i < result.more.size(); ++i) {
    if (!fits_one(request, result.more[i], i + 1)) return false;
    tokens += std::ssize(result.more[i].ids);
  }
  return result.prompt_tokens > 0 && result.completion_tokens >= tokens &&
         result.accepted_tokens <= result.drafted_tokens;
}

}  // namespace oc
