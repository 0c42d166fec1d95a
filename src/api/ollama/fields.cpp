#include "api/ollama/fields.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/check.h"
#include "runtime/decode/sampler.h"

namespace oc {
namespace {

using enum FieldType;
using namespace field_rows;
using S = SamplingParams;

// One that changes nothing, but for this value, which every answer keeps to: it is not told of.
constexpr RequestField idle(std::string_view name, FieldType type,
                            decltype(RequestField::nothing) nothing = {}) {
  RequestField field = no_effect(name, type);
  field.nothing = nothing;
  return field;
}
constexpr RequestField idle_integer(std::string_view name,
                                    decltype(RequestField::nothing) nothing = {}) {
  RequestField field = idle(name, kInteger, nothing);
  field.min = -kMaxInt;
  field.max = kMaxInt;
  return field;
}

constexpr std::array kCommon = {
    within("model", kString, 0, 4096, "which model answers; absent or empty: the active one"),
    kept("stream", kBoolean, "the answer comes in lines of JSON; absent: it does"),
    kept("format", kAny, "`json`, or a JSON schema that the answer keeps to"),
    kept("keep_alive", kAny, "0, and no question: the model is unloaded"),
    kept("logprobs", kBoolean, "how likely each token was"),
    within("top_logprobs", kInteger, 0, 20, "and so many others at its place"),
    kept("options", kObject, "how the answer is drawn"),
    within("options.temperature", kNumber, 0, 2, "how freely tokens are drawn; 0: the likeliest"),
    within("options.top_p", kNumber, 0, 1, "tokens that make up this much of the probability"),
    within("options.top_k", kInteger, -1, kMaxInt,
           "so many of the likeliest tokens; 0 and -1: all"),
    within("options.min_p", kNumber, 0, 1,
           "tokens of at least this share of the likeliest one's probability; 0: all"),
    kept("options.seed", kInteger64, "the same seed draws the same answer; -1: a random one"),
    within("options.num_predict", kInteger, -2, kMaxWhole,
           "the longest answer; 0, -1 and -2: no limit but the context"),
    within("options.stop", kStrings, 0, 16, "what ends an answer, and is no part of it", "strings"),
    within("options.stop[]", kString, 0, 512, "an empty one stops nothing"),
    within("options.repeat_penalty", kNumber, S::kMinRepetitionPenalty, S::kMaxRepetitionPenalty,
           "against tokens that were there, the prompt's included; 1: none"),
    within("options.presence_penalty", kNumber, -2, 2,
           "against tokens that the answer holds; 0: none"),
    within("options.frequency_penalty", kNumber, -2, 2,
           "the same for each time that it holds them; 0: none"),
    within("options.num_ctx", kInteger, 0, kMaxWhole,
           "room for prompt and answer: there is always all of the context"),
    idle_integer("options.repeat_last_n", -1.0),
    idle_integer("options.num_keep"),
    idle_integer("options.num_batch"),
    idle_integer("options.num_gpu"),
    idle_integer("options.main_gpu"),
    idle_integer("options.num_thread"),
    idle("options.numa", kBoolean),
    idle("options.low_vram", kBoolean),
    idle("options.f16_kv", kBoolean),
    idle("options.use_mmap", kBoolean),
    idle("options.use_mlock", kBoolean),
    idle("options.penalize_newline", kBoolean),
    idle("options.mirostat_tau", kAny),
    idle("options.mirostat_eta", kAny),
    refused("options.mirostat", 0.0),
    refused("options.tfs_z", 1.0),
    refused("options.typical_p", 1.0),
    refused("options.logits_all", false),
    refused("options.vocab_only", false),
    refused("options.embedding_only", false),
    idle("think", kAny, false),
    idle("truncate", kBoolean, false),
    idle("shift", kBoolean, false),
    refused("template", std::string_view("")),
};
constexpr std::array kChat = {
    within("messages", kArray, 0, 4096, "the conversation; none: the model is loaded", "messages"),
    kept("tools", kArray, "not called: the model answers in text"),
    kept("system", kString, "what stands above the conversation, where no message says it"),
    kept("images", kArray, "those of the messages once more, or a 400"),
    refused("prompt", Empty()),
    refused("suffix", std::string_view("")),
    refused("raw", false),
    refused("context", Empty()),
};
constexpr std::array kGenerate = {
    kept("prompt", kString, "the question; none, and no picture: the model is loaded"),
    kept("images", kArray, "pictures, as base64 or `data:` URLs"),
    kept("system", kString, "what stands above the question"),
    refused("suffix", std::string_view("")),
    refused("raw", false),
    refused("context", Empty()),
    refused("width", 0.0),
    refused("height", 0.0),
    refused("steps", 0.0),
};

std::vector<RequestField> joined(std::span<const RequestField> own) {
  std::vector<RequestField> out(kCommon.begin(), kCommon.end());
  out.insert(out.end(), own.begin(), own.end());
  return out;
}

}  // namespace

std::string_view name_of(OllamaRoute route) {
  return route == OllamaRoute::kChat ? "chat" : "generate";
}

std::span<const RequestField> ollama_fields(OllamaRoute route) {
  static const std::vector<RequestField> kOfChat = joined(kChat), kOfGenerate = joined(kGenerate);
  return route == OllamaRoute::kChat ? kOfChat : kOfGenerate;
}

const RequestField& ollama_field(OllamaRoute route, std::string_view name) {
  const auto rows = ollama_fields(route);
  const auto found = std::ranges::find(rows, name, &RequestField::name);
  OC_CHECK(found != rows.end(), "{} has no field {}", name_of(route), name);
  return *found;
}

}  // namespace oc
