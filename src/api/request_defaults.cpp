#include "api/request_defaults.h"

#include <algorithm>
#include <string_view>
#include <variant>

#include "runtime/request.h"

namespace oc {
namespace {

// Clients of the original system write the picture's token, and a line break, before the question.
void remove_token(std::string& text, std::string_view token) {
  for (std::size_t at = 0; (at = text.find(token, at)) != std::string::npos;) {
    std::size_t size = token.size();
    if (at + size < text.size() && text[at + size] == '\n') ++size;
    text.erase(at, size);
  }
}

}  // namespace

SamplingParams sampling_of(const RequestedSampling& requested, SamplingParams defaults) {
  SamplingParams out = std::move(defaults);
  const auto take = [](auto& value, const auto& wanted) {
    if (wanted) value = *wanted;
  };
  take(out.temperature, requested.temperature);
  take(out.top_p, requested.top_p);
  take(out.min_p, requested.min_p);
  take(out.top_k, requested.top_k);
  take(out.repetition_penalty, requested.repetition_penalty);
  take(out.presence_penalty, requested.presence_penalty);
  take(out.frequency_penalty, requested.frequency_penalty);
  out.logit_bias.insert(out.logit_bias.end(), requested.logit_bias.begin(),
                        requested.logit_bias.end());
  if (requested.seed) out.seed = requested.seed;
  return out;
}

void apply_defaults(const RequestDefaults& defaults, std::span<const ImageKnob> knobs,
                    GenerateRequest& generate) {
  if (defaults.max_tokens_cap && generate.max_tokens)
    generate.max_tokens = std::min(*generate.max_tokens, *defaults.max_tokens_cap);
  generate.max_sequence = defaults.max_sequence;
  for (const ImageKnob& knob : knobs)
    if (const auto wanted = defaults.knobs.find(knob.name); wanted != defaults.knobs.end())
      generate.image_knobs.emplace(knob.name, std::clamp(wanted->second, knob.min, knob.max));
  if (generate.task && finds_objects(*generate.task)) {  // greedy, and without text
    generate.sampling = {};
    return;
  }
  for (const std::string& stop : defaults.stop)
    if (generate.choices.empty() && std::ranges::find(generate.stop, stop) == generate.stop.end())
      generate.stop.push_back(stop);
  if (defaults.image_token.empty()) return;
  for (Message& message : generate.messages) {
    if (message.role != Role::kUser) continue;
    for (Part& part : message.parts)
      if (auto* text = std::get_if<TextPart>(&part)) remove_token(text->text, defaults.image_token);
  }
}

}  // namespace oc
