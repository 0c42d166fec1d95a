#include "api/responses/fields.h"

#include <algorithm>
#include <array>

#include "api/openai/chat_fields.h"
#include "base/check.h"

namespace oc {
namespace {

using enum FieldType;
using namespace field_rows;

// As max_tokens there, by its name here.
consteval RequestField longest() {
  RequestField out = chat_field("max_tokens");
  out.name = "max_output_tokens";
  return out;
}

constexpr auto kTruncations = std::to_array<std::string_view>({"disabled", "auto"});

// clang-format off
constexpr std::array kFields = {
    within("model", kString, 0, 4096, "which model answers; absent or empty: the active one"),
    kept("input", kAny, "the question: a string, or an array of up to 2048 items"),
    kept("instructions", kString, "what stands above the conversation; of this answer alone"),
    kept("previous_response_id", kString, "the answer that the conversation goes on from"),
    kept("store", kBoolean, "false: nothing of it is kept"),
    longest(),
    chat_field("temperature"),
    chat_field("top_p"),
    kept("text", kObject, "`format`: text, any JSON object, or a JSON schema that the answer keeps to"),
    kept("tools", kArray, "called where `tool_choice` forces it"),
    kept("tool_choice", kAny, "`required`, a function or `allowed_tools` forces a call"),
    kept("parallel_tool_calls", kBoolean, "there is one call at most"),
    kept("include", kArray, "`message.output_text.logprobs`: how likely each token was"),
    within("top_logprobs", kInteger, 0, 20, "and so many others at its place"),
    chat_field("stream"),
    chat_field("stream_options"),
    within("metadata", kObject, 0, 16, "is in the answer as it came", "strings"),
    RequestField{.name = "truncation", .type = kString, .one_of = kTruncations, .meaning = "what does not fit is refused, whichever it is"},
    // Ours.
    chat_field("top_k"),
    chat_field("min_p"),
    chat_field("repetition_penalty"),
    chat_field("repeat_penalty"),
    chat_field("presence_penalty"),
    chat_field("frequency_penalty"),
    chat_field("logit_bias"),
    chat_field("seed"),
    chat_field("stop"),
    chat_field("keep_order"),
    no_effect("access_programs", kObject),
    no_effect("background_options", kObject),
    no_effect("client_metadata", kObject),
    no_effect("max_tool_calls"),
    no_effect("prompt_cache_key", kString),
    no_effect("prompt_cache_options", kObject),
    no_effect("prompt_cache_retention", kString),
    no_effect("reasoning", kObject),
    no_effect("safety_identifier", kString),
    no_effect("service_tier", kString),
    no_effect("user", kString),
    refused("background", false),
    refused("context_management", Empty()),
    refused("conversation"),
    refused("image"),
    refused("moderation"),
    refused("personality", std::string_view("")),
    refused("prompt"),
};
// clang-format on

}  // namespace

std::span<const RequestField> response_fields() { return kFields; }

const RequestField& response_field(std::string_view name) {
  const auto found = std::ranges::find(kFields, name, &RequestField::name);
  OC_CHECK(found != kFields.end(), "responses have no field {}", name);
  return *found;
}

}  // namespace oc
