#include "api/chat_request.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "api/served_model.h"
#include "models/video_frames.h"

namespace oc {
namespace {

constexpr std::size_t kShownPaths = 8;  // of a schema, in a warning

// More than there may be is as much as there may be, and the client is told.
void limit_length(ChatRequest& request, const ServedModel& model) {
  std::optional<int>& length = request.generate.max_tokens;
  std::int64_t most = model.defaults.max_tokens_cap.value_or(std::numeric_limits<int>::max());
  if (model.context_length > 0) most = std::min(most, model.context_length);
  if (!length || *length <= most) return;
  if (!request.model_note.empty()) request.model_note += "; ";
  request.model_note += fmt::format("{} is {} and not {}: an answer may have no more here",
                                    request.names.of("max_tokens"), most, *length);
  length = static_cast<int>(most);
}

// Of what each prompt's request has for itself.
std::size_t bytes_beside_prompt(const ChatRequest& request) {
  const GenerateRequest& asked = request.generate;
  std::size_t total = sizeof asked + asked.json_schema.value_or("").size();
  for (const std::string& text : asked.stop) total += sizeof(std::string) + text.size();
  for (const std::string& text : asked.choices) total += sizeof(std::string) + text.size();
  return total + request.sampling.logit_bias.size() * sizeof request.sampling.logit_bias.front();
}

}  // namespace

std::string not_enforced_note(const std::vector<std::string>& paths) {
  const std::span<const std::string> shown(paths.begin(), std::min(paths.size(), kShownPaths));
  std::string out =
      fmt::format("not enforced, another keyword of the schema is: {}", fmt::join(shown, ", "));
  if (const std::size_t more = paths.size() - shown.size(); more > 0)
    out += fmt::format(" and {} more", more);
  return out;
}

std::string warning_of(const ChatRequest& request) {
  std::string out;
  if (!request.unused_tools.empty())
    out = fmt::format("{} are not called: the model answers in text", request.unused_tools);
  if (!request.without_effect.empty())
    out += fmt::format("{}without effect here: {}", out.empty() ? "" : "; ",
                       fmt::join(request.without_effect, ", "));
  if (!request.not_enforced.empty())
    out += (out.empty() ? "" : "; ") + not_enforced_note(request.not_enforced);
  if (!request.model_note.empty()) out += (out.empty() ? "" : "; ") + request.model_note;
  for (const std::string& note : request.image_notes) out += (out.empty() ? "" : "; ") + note;
  return out;
}

std::string warning_with(std::string_view of_request, const Answer& answer) {
  std::string out(of_request);
  if (answer.warning) out += (out.empty() ? "" : "; ") + *answer.warning;
  return out;
}

std::string warning_with_all(std::string_view of_request, const GenerateResult& result) {
  std::vector<std::pair<std::string, std::vector<std::size_t>>> told;  // and which ones say it
  for (std::size_t i = 0; i <= result.more.size(); ++i) {
    const Answer& answer = i == 0 ? result : result.more[i - 1];
    if (!answer.warning) continue;
    auto found =
        std::ranges::find(told, *answer.warning, [](const auto& one) { return one.first; });
    if (found == told.end()) found = told.insert(found, {*answer.warning, {}});
    found->second.push_back(i);
  }
  std::string out(of_request);
  for (const auto& [warning, choices] : told) {
    if (!out.empty()) out += "; ";
    // What the first one alone says may be about others, too (cut_json.h).
    const bool all = choices.size() > result.more.size(),
               first = choices == std::vector<std::size_t>{0};
    if (!all && !first) out += fmt::format("choices {}: ", fmt::join(choices, ", "));
    out += warning;
  }
  return out;
}

std::size_t held_bytes(const ChatRequest& request) {
  std::size_t total = 0;
  for (const Message& message : request.generate.messages)
    for (const Part& part : message.parts) {
      total += sizeof part;
      if (const auto* text = std::get_if<TextPart>(&part)) total += text->text.capacity();
    }
  if (request.generate.task) total += text_of(*request.generate.task).size();
  const auto add_prompt = [&](const RawPrompt& raw) {
    // An answer that repeats it has it once more, and so has each of its choices.
    const int copies = request.echo ? 2 + request.generate.n : 1;
    total += raw.text.capacity() * static_cast<std::size_t>(copies);
    total += raw.ids.capacity() * sizeof(TokenId);
  };
  if (request.generate.raw_prompt) add_prompt(*request.generate.raw_prompt);
  for (const RawPrompt& raw : request.generate.more_prompts) add_prompt(raw);
  total += request.generate.more_prompts.size() * bytes_beside_prompt(request);
  for (const EncodedImage& image : request.images) total += image.bytes.capacity();
  if (request.turn) total += request.turn->echo.capacity() + request.turn->input.capacity();
  return total;
}

Result<void> complete_request(ChatRequest& request, const ServedModel& model) {
  if (request.generate.task) OC_RETURN_IF_ERROR(check_task(model.tasks, *request.generate.task));
  // How answers are drawn says nothing of those that are scored.
  const bool scored = !request.generate.choices.empty();
  request.generate.sampling =
      sampling_of(request.sampling, scored ? SamplingParams{} : model.defaults.sampling);
  limit_length(request, model);
  apply_defaults(model.defaults, model.knobs, request.generate);
  return check_frames(model.frames, model.architecture, request.generate.messages);
}

}  // namespace oc
