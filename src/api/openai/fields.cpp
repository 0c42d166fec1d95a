#include "api/openai/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <variant>

namespace oc {
namespace {

namespace json = boost::json;

// What we act on.
constexpr auto kSupported = std::to_array<std::string_view>({
    "model",
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "stop",
    "seed",
    "stream",
    "stream_options",
    "n",
    "logprobs",
    "top_logprobs",
    "choices",
    "response_format",
    "logit_bias",
    "repetition_penalty",
    "presence_penalty",
    "num_crops",
    "keep_order",
    "draft_tokens",
    "frequency_penalty",
    "stream_key",
    "policy",
    "tools",
    "tool_choice",
    "functions",
    "function_call",
    "modalities",
    "parallel_tool_calls",
});

// What cannot change an answer here, whatever its value: labels, where and how long something is
// kept, how fast it comes, and thinking, which these models do not do.
enum class Kind { kAny, kString, kBoolean, kObject };
struct Label {
  std::string_view name;
  Kind kind = Kind::kAny;
};
constexpr auto kLabels = std::to_array<Label>({
    // OpenAI's
    {"audio", Kind::kObject},  // how speech would sound; `modalities` asks for it
    {"metadata", Kind::kObject},
    {"prediction", Kind::kObject},
    {"prompt_cache_key", Kind::kString},
    {"prompt_cache_options", Kind::kObject},
    {"prompt_cache_retention", Kind::kString},
    {"reasoning_effort", Kind::kString},
    {"safety_identifier", Kind::kString},
    {"service_tier", Kind::kString},
    {"store", Kind::kBoolean},
    {"user", Kind::kString},
    {"verbosity", Kind::kString},
    // llama.cpp, Ollama, LM Studio, vLLM, OpenRouter and what is made for them
    {"cache_control"},
    {"cache_prompt"},
    {"cache_salt"},
    {"chat_template_kwargs", Kind::kObject},
    {"draft_model"},
    {"enable_thinking"},
    {"id_slot"},
    {"include_reasoning"},
    {"keep_alive"},
    {"priority"},
    {"provider"},
    {"reasoning"},
    {"reasoning_budget"},
    {"reasoning_format"},
    {"request_id"},
    {"return_progress"},
    {"separate_reasoning"},
    {"session_id"},
    {"slot_id"},
    {"think"},
    {"thinking"},
    {"thinking_budget"},
    {"timings_per_token"},
    {"trace"},
    {"ttl"},
    {"usage"},
    // of samplers that are off here, as kRefused sees to
    {"dry_allowed_length"},
    {"dry_base"},
    {"dry_penalty_last_n"},
    {"dry_sequence_breakers"},
    {"dynatemp_exponent"},
    {"mirostat_eta"},
    {"mirostat_tau"},
    {"xtc_threshold"},
});

// What would change the answer and is not done, beside the value that asks for nothing, if there is
// one (monostate: there is none but null).
struct Empty {};  // {} or []
struct Refused {
  std::string_view name;
  std::variant<std::monostate, bool, double, std::string_view, Empty> nothing = {};
};
constexpr auto kRefused = std::to_array<Refused>({
    {"add_generation_prompt", true},
    {"best_of", 1.0},
    {"continue_final_message", false},
    {"dry_multiplier", 0.0},
    {"dynatemp_range", 0.0},
    {"echo", false},
    {"grammar", std::string_view("")},
    {"guided_choice"},
    {"guided_grammar"},
    {"guided_json"},
    {"guided_regex"},
    {"ignore_eos", false},
    {"include_stop_str_in_output", false},
    {"length_penalty", 1.0},
    {"min_tokens", 0.0},
    {"mirostat", 0.0},
    {"mirostat_mode", 0.0},
    {"moderation"},
    {"n_probs", 0.0},
    {"options", Empty()},
    {"skip_special_tokens", true},
    {"structured_outputs"},
    {"suffix", std::string_view("")},
    {"tfs_z", 1.0},
    {"top_a", 0.0},
    {"typ_p", 1.0},
    {"typical_p", 1.0},
    {"use_beam_search", false},
    {"web_search_options"},
    {"xtc_probability", 0.0},
});

bool is_text(const json::value& value, std::string_view text) {
  return value.is_string() && std::string_view(value.get_string()) == text;
}

bool asks_for_nothing(const Refused& field, const json::value& value) {
  struct Compare {
    const json::value& value;
    bool operator()(std::monostate) const { return false; }
    bool operator()(bool wanted) const { return value.is_bool() && value.get_bool() == wanted; }
    bool operator()(double wanted) const {
      return value.is_number() && value.to_number<double>() == wanted;
    }
    bool operator()(std::string_view wanted) const { return is_text(value, wanted); }
    bool operator()(Empty) const {
      return (value.is_object() && value.get_object().empty()) ||
             (value.is_array() && value.get_array().empty());
    }
  };
  return std::visit(Compare{value}, field.nothing);
}

Error unsupported(std::string_view key) {
  return {ErrorCode::kUnsupported, fmt::format("\"{}\" is not supported", key), "leave it out",
          std::string(key)};
}

// The values that every answer of ours keeps to, so that nothing is to be told.
bool is_kept_to(std::string_view key, const json::value& value) {
  if (key == "store") return value.is_bool() && !value.get_bool();
  if (key == "service_tier") return is_text(value, "auto") || is_text(value, "default");
  if (key == "reasoning_effort") return is_text(value, "none");
  return false;
}

Result<void> check_kind(const JsonFields& fields, const Label& label) {
  switch (label.kind) {
    case Kind::kAny:
      return {};
    case Kind::kString: {
      OC_ASSIGN_OR_RETURN(const auto text, fields.string(label.name));
      (void)text;
      return {};
    }
    case Kind::kBoolean: {
      OC_ASSIGN_OR_RETURN(const auto truth, fields.boolean(label.name));
      (void)truth;
      return {};
    }
    case Kind::kObject: {
      OC_ASSIGN_OR_RETURN(const auto object, fields.object(label.name));
      (void)object;
      return {};
    }
  }
  return {};
}

// Text is what there is: ["text"].
Result<void> check_modalities(const JsonFields& fields) {
  const json::value* value = fields.find("modalities");
  if (value == nullptr) return {};
  if (!value->is_array()) return wrong_value("modalities", "an array of strings", *value);
  if (std::ranges::all_of(value->get_array(),
                          [](const json::value& one) { return is_text(one, "text"); }))
    return {};
  return Error{ErrorCode::kUnsupported, "\"modalities\": answers are text only", "use [\"text\"]",
               "modalities"};
}

Result<void> check_known(const JsonFields& fields) {
  std::vector<std::string_view> known(kSupported.begin(), kSupported.end());
  for (const Label& label : kLabels) known.push_back(label.name);
  for (const Refused& field : kRefused) known.push_back(field.name);
  return fields.only(known);
}

}  // namespace

void NoEffect::add(std::string_view prefix, std::string_view key) {
  std::string name = std::string(prefix) + std::string(key);
  if (std::ranges::find(*names_, name) == names_->end()) names_->push_back(std::move(name));
}

void NoEffect::add_present(const JsonFields& object, std::string_view prefix,
                           std::span<const std::string_view> keys) {
  for (const std::string_view key : keys) {
    const json::value* value = object.find(key);
    if (value != nullptr && !(value->is_array() && value->get_array().empty())) add(prefix, key);
  }
}

Result<void> check_fields(const JsonFields& fields, NoEffect no_effect) {
  for (const Refused& field : kRefused)
    if (const json::value* value = fields.find(field.name);
        value != nullptr && !asks_for_nothing(field, *value))
      return unsupported(field.name);
  OC_RETURN_IF_ERROR(check_known(fields));
  OC_RETURN_IF_ERROR(check_modalities(fields));
  for (const Label& label : kLabels) {
    const json::value* value = fields.find(label.name);
    if (value == nullptr) continue;
    OC_RETURN_IF_ERROR(check_kind(fields, label));
    if (!is_kept_to(label.name, *value)) no_effect.add(label.name);
  }
  return {};
}

}  // namespace oc
