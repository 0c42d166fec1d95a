#include "api/peer_names.h"

#include <algorithm>
#include <array>

namespace oc {
namespace {

// Of one meaning each; where a dialect has several of them, the first counts.
constexpr auto kLengths = std::to_array<std::string_view>(
    {"max_tokens", "max_output_tokens", "max_completion_tokens", "options.num_predict",
     "num_predict", "n_predict", "max_new_tokens", "max_length"});
constexpr auto kStops = std::to_array<std::string_view>(
    {"stop", "stop_sequences", "options.stop", "stop_strings", "stop_words"});
constexpr auto kSchemas = std::to_array<std::string_view>(
    {"response_format", "text.format", "output_config.format", "format", "json_schema",
     "guided_json", "output_format", "schema"});
constexpr auto kQuestions = std::to_array<std::string_view>(
    {"messages", "input", "prompt", "question", "content", "text", "contents"});
constexpr auto kAbove =
    std::to_array<std::string_view>({"system", "instructions", "system_prompt"});
constexpr auto kPenalties = std::to_array<std::string_view>(
    {"repetition_penalty", "repeat_penalty", "options.repeat_penalty"});

constexpr std::array<std::span<const std::string_view>, 6> kMeanings = {
    kLengths, kStops, kSchemas, kQuestions, kAbove, kPenalties};

bool is_here(std::string_view name, std::span<const std::string_view> names) {
  // Whose own fields are no rows.
  if (name == "text.format" || name == "output_config.format")
    name = name.substr(0, name.find('.'));
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

std::optional<std::string_view> peer_name(std::string_view key,
                                          std::span<const std::string_view> names) {
  for (const auto meaning : kMeanings) {
    if (std::ranges::find(meaning, key) == meaning.end()) continue;
    for (const std::string_view name : meaning)
      if (name != key && is_here(name, names)) return name;
  }
  // Sampling fields stand in Ollama's "options".
  for (const std::string_view name : names)
    if (name.starts_with("options.") && name.substr(name.find('.') + 1) == key) return name;
  return std::nullopt;
}

}  // namespace oc
