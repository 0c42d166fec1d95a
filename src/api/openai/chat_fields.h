// Every field of a chat completion's body, as rows. Messages, pictures and schemas have parsers of
// their own; the knobs of pictures are rows of the families (image_fields.h).
#pragma once

#include <array>
#include <string_view>

#include "api/field.h"
#include "runtime/decode/sampler.h"

namespace oc {
inline constexpr auto kPolicies = std::to_array<std::string_view>({"latest_wins", "queue"});

// clang-format off
inline constexpr auto kChatFields = [] {
  using namespace field_rows;
  using enum FieldType;
  using S = SamplingParams;
  return std::to_array<RequestField>({
    within("model", kString, 0, 4096, "which model answers; absent or empty: the active one"),
    within("messages", kArray, 1, 2048, "the conversation, the user's question last", "messages"),
    within("max_tokens", kInteger, -1, kMaxWhole, "the longest answer; more than the model's context is as much as that; 0: none; -1: no limit of its own"),
    within("max_completion_tokens", kInteger, -1, kMaxWhole, "the same by its newer name"),
    within("max_new_tokens", kInteger, -1, kMaxWhole, "the same as Transformers call it"),
    within("n_predict", kInteger, -1, kMaxWhole, "the same as llama.cpp calls it"),
    within("temperature", kNumber, 0, 2, "how freely tokens are drawn; 0: the likeliest"),
    within("top_p", kNumber, 0, 1, "tokens that make up this much of the probability; 1: all"),
    within("top_k", kInteger, -1, kMaxInt, "so many of the likeliest tokens; 0 and -1: all"),
    {.name = "min_p", .type = kNumber, .min = 0, .max = 1, .below_max = true,
     .meaning = "tokens of at least this share of the likeliest one's probability; 0: all"},
    within("repetition_penalty", kNumber, S::kMinRepetitionPenalty, S::kMaxRepetitionPenalty, "against tokens that were there, the prompt's included; 1: none"),
    within("repeat_penalty", kNumber, S::kMinRepetitionPenalty, S::kMaxRepetitionPenalty, "the same as llama.cpp calls it"),
    within("presence_penalty", kNumber, -2, 2, "against tokens that the answer holds; 0: none"),
    within("frequency_penalty", kNumber, -2, 2, "the same for each time that it holds them; 0: none"),
    within("logit_bias", kObject, 0, 1024, "what is added to the logits of tokens", "token ids and numbers"),
    within("logit_bias.*", kNumber, -S::kMaxBias, S::kMaxBias, "of the token whose id is the key"),
    kept("seed", kInteger64, "the same seed draws the same answer; absent: a random one"),
    within("stop", kStrings, 0, 16, "what ends an answer, and is no part of it", "strings"),
    within("stop[]", kString, 0, 512, "an empty one stops nothing"),
    kept("stream", kBoolean, "the answer comes in pieces"),
    kept("stream_options", kObject, "of a streamed answer"),
    kept("stream_options.include_usage", kBoolean, "the last piece has the counts of tokens"),
    kept("stream_options.include_progress", kBoolean, "ours: comments say how far the answer is"),
    no_effect("stream_options.include_obfuscation", kBoolean),
    no_effect("stream_options.continuous_usage_stats", kBoolean),
    within("n", kInteger, 1, 128, "how many answers"),
    kept("logprobs", kBoolean, "how likely each token was"),
    within("top_logprobs", kInteger, 0, 20, "and so many others at its place"),
    within("choices", kArray, 1, 64, "ours: answers to be scored, nothing is generated", "strings"),
    within("choices[]", kString, 1, 4096, "a whole answer"),
    kept("response_format", kObject, "the answer is JSON, within a schema"),
    within("guided_choice", kArray, 1, 64, "vLLM's: the answer is the likeliest of these", "strings"),
    within("guided_choice[]", kString, 1, 4096, "a whole answer"),
    kept("guided_json", kAny, "vLLM's: a JSON schema for the answer, as an object or as text"),
    kept("structured_outputs", kObject, "vLLM's: `json`, `choice` or `json_object`, as the two above"),
    kept("keep_order", kBoolean, "ours: pictures stay where they stand among the texts"),
    within("draft_tokens", kInteger, 0, 15, "ours: tokens that are guessed in a step"),
    within("stream_key", kString, 1, 256, "ours: whose frames these are"),
    {.name = "policy", .type = kString, .one_of = kPolicies,
     .meaning = "ours: whether a newer frame of the key comes instead of one that waits"},
    kept("tools", kArray, "called where `tool_choice` forces it"),
    kept("tool_choice", kAny, "`required` or a function forces a call"),
    kept("parallel_tool_calls", kBoolean, "there is one call at most"),
    kept("functions", kArray, "as tools"),
    kept("function_call", kAny, "as tool_choice"),
    kept("modalities", kArray, "answers are text"),

    // What cannot change an answer here, whatever its value: labels, where and how long something
    // is kept, how fast it comes, and thinking, which these models do not do. OpenAI's:
    no_effect("audio", kObject),  // how speech would sound; `modalities` asks for it
    no_effect("metadata", kObject),
    no_effect("prediction", kObject),
    no_effect("prompt_cache_key", kString),
    no_effect("prompt_cache_options", kObject),
    no_effect("prompt_cache_retention", kString),
    no_effect("reasoning_effort", kString),
    no_effect("safety_identifier", kString),
    no_effect("service_tier", kString),
    no_effect("store", kBoolean),
    no_effect("user", kString),
    no_effect("verbosity", kString),
    // llama.cpp, Ollama, LM Studio, vLLM, OpenRouter and what is made for them
    no_effect("cache_control"),
    no_effect("cache_prompt"),
    no_effect("cache_salt"),
    no_effect("chat_template_kwargs", kObject),
    no_effect("draft_model"),
    no_effect("enable_thinking"),
    no_effect("guided_decoding_backend"),
    no_effect("id_slot"),
    no_effect("include_reasoning"),
    no_effect("keep_alive"),
    no_effect("priority"),
    no_effect("provider"),
    no_effect("reasoning"),
    no_effect("reasoning_budget"),
    no_effect("reasoning_format"),
    no_effect("repeat_last_n"),  // penalties look at all tokens
    no_effect("request_id"),
    no_effect("return_progress"),
    no_effect("separate_reasoning"),
    no_effect("session_id"),
    no_effect("slot_id"),
    no_effect("think"),
    no_effect("thinking"),
    no_effect("thinking_budget"),
    no_effect("timings_per_token"),
    no_effect("trace"),
    no_effect("ttl"),
    no_effect("usage"),
    // of samplers that are off here, as the rows below see to
    no_effect("dry_allowed_length"),
    no_effect("dry_base"),
    no_effect("dry_penalty_last_n"),
    no_effect("dry_sequence_breakers"),
    no_effect("dynatemp_exponent"),
    no_effect("mirostat_eta"),
    no_effect("mirostat_tau"),
    no_effect("xtc_threshold"),

    // What would change the answer and is not done, with the value that asks for nothing.
    refused("add_generation_prompt", true),
    refused("best_of", 1.0),
    refused("continue_final_message", false),
    refused("dry_multiplier", 0.0),
    refused("dynatemp_range", 0.0),
    refused("echo", false),
    refused("grammar", std::string_view("")),
    refused("guided_grammar"),
    refused("guided_regex"),
    refused("ignore_eos", false),
    refused("include_stop_str_in_output", false),
    refused("length_penalty", 1.0),
    refused("min_tokens", 0.0),
    refused("mirostat", 0.0),
    refused("mirostat_mode", 0.0),
    refused("moderation"),
    refused("n_probs", 0.0),
    refused("options", Empty()),
    refused("skip_special_tokens", true),
    refused("suffix", std::string_view("")),
    refused("tfs_z", 1.0),
    refused("top_a", 0.0),
    refused("typ_p", 1.0),
    refused("typical_p", 1.0),
    refused("use_beam_search", false),
    refused("web_search_options"),
    refused("xtc_probability", 0.0),
  });
}();
// clang-format on

// The row of this name; one that is not there does not compile.
consteval const RequestField& chat_field(std::string_view name) {
  for (const RequestField& field : kChatFields)
    if (field.name == name) return field;
  throw "there is no such field";
}

}  // namespace oc
