// A request of several prompts becomes a job for each; prompt_answers.h makes one answer of theirs.
#include <fmt/format.h>

#include <utility>

#include "runtime/serving/prompt_answers.h"
#include "runtime/serving/service.h"

namespace oc {

// One for each prompt. They have one job: what ends one ends all.
std::vector<EntryPtr> Service::take_apart(GenerateRequest request, OnText text, OnDone done) {
  std::vector<EntryPtr> out;
  const auto job = std::make_shared<Job>();
  if (request.more_prompts.empty()) {
    out.push_back(make_entry(std::move(request), job, std::move(text), std::move(done)));
    return out;
  }
  std::vector<RawPrompt> prompts = std::exchange(request.more_prompts, {});
  prompts.insert(prompts.begin(), *std::exchange(request.raw_prompt, std::nullopt));
  const bool streams = text != nullptr;
  const auto answers = std::make_shared<PromptAnswers>(
      prompts.size(), static_cast<std::size_t>(request.n), job, std::move(text), std::move(done));
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    GenerateRequest one = request;
    one.id = fmt::format("{}/{}", request.id, i);
    one.raw_prompt = std::move(prompts[i]);
    OnText piece;
    if (streams) piece = [answers, i](const AnswerPiece& part) { answers->piece(i, part); };
    out.push_back(make_entry(
        std::move(one), job, std::move(piece),
        [answers, i](Result<GenerateResult> result) { answers->done(i, std::move(result)); }));
  }
  return out;
}

}  // namespace oc
