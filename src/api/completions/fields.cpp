#include "api/completions/fields.h"

#include <algorithm>
#include <array>
#include <vector>

#include "api/openai/chat_fields.h"
#include "base/check.h"

namespace oc {
namespace {

using enum FieldType;
using namespace field_rows;

// One that chat completions have as well.
consteval RequestField as_in_chat(std::string_view name) { return chat_field(name); }

constexpr RequestField longest() {
  RequestField out = chat_field("max_tokens");
  out.meaning =
      "the longest answer; absent: 16; more than the model's context is as much as that; 0: none; "
      "-1: no limit of its own";
  return out;
}

// clang-format off
constexpr std::array kOwn = {
    as_in_chat("model"),
    kept("prompt", kAny, "what is gone on from: a string, an array of one string, or an array of token ids"),
    kept("parse_special", kBoolean, "ours: control tokens in a string are such; else they are text"),
    longest(),
    as_in_chat("max_completion_tokens"),
    as_in_chat("max_new_tokens"),
    as_in_chat("n_predict"),
    kept("echo", kBoolean, "the prompt stands in front of the answer"),
    within("logprobs", kInteger, 0, 5, "how likely each token was, and so many others at its place"),
    as_in_chat("n"),
    within("best_of", kInteger, 1, 128, "as many as `n`: there is no choice among more"),
    as_in_chat("temperature"),
    as_in_chat("top_p"),
    as_in_chat("top_k"),
    as_in_chat("min_p"),
    as_in_chat("repetition_penalty"),
    as_in_chat("repeat_penalty"),
    as_in_chat("presence_penalty"),
    as_in_chat("frequency_penalty"),
    as_in_chat("logit_bias"),
    as_in_chat("logit_bias.*"),
    as_in_chat("seed"),
    as_in_chat("stop"),
    as_in_chat("stop[]"),
    as_in_chat("stream"),
    as_in_chat("stream_options"),
    as_in_chat("stream_options.include_usage"),
    as_in_chat("stream_options.include_progress"),
    as_in_chat("draft_tokens"),
    as_in_chat("choices"),
    as_in_chat("choices[]"),
    as_in_chat("response_format"),
    as_in_chat("guided_choice"),
    as_in_chat("guided_choice[]"),
    as_in_chat("guided_json"),
    as_in_chat("structured_outputs"),
};
// clang-format on

// What has no effect or is not done in chat completions is so here.
std::vector<RequestField> all_fields() {
  std::vector<RequestField> out(kOwn.begin(), kOwn.end());
  for (const RequestField& field : kChatFields)
    if (field.use != FieldUse::kKept &&
        std::ranges::find(kOwn, field.name, &RequestField::name) == kOwn.end())
      out.push_back(field);
  return out;
}

}  // namespace

std::span<const RequestField> completion_fields() {
  static const std::vector<RequestField> kFields = all_fields();
  return kFields;
}

const RequestField& completion_field(std::string_view name) {
  const auto found = std::ranges::find(kOwn, name, &RequestField::name);
  OC_CHECK(found != kOwn.end(), "text completions have no field {}", name);
  return *found;
}

}  // namespace oc
