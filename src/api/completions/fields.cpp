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

constexpr RequestField longest() {
  RequestField out = chat_field("max_tokens");
  out.meaning =
      "the longest answer; absent: 16; more than the model's context is as much as that; 0: none; "
      "-1: no limit of its own";
  return out;
}

// clang-format off
constexpr std::array kOwn = {
    chat_field("model"),
    kept("prompt", kAny, "what is gone on from: a string or an array of token ids, or an array of 1 to 64 of these"),
    kept("parse_special", kBoolean, "ours: control tokens in a string are such; else they are text"),
    longest(),
    chat_field("max_completion_tokens"),
    chat_field("max_new_tokens"),
    chat_field("n_predict"),
    kept("echo", kBoolean, "the prompt stands in front of the answer"),
    within("logprobs", kInteger, 0, 5, "how likely each token was, and so many others at its place"),
    chat_field("n"),
    within("best_of", kInteger, 1, 128, "1, or as many as `n`: there is no choice among more"),
    chat_field("temperature"),
    chat_field("top_p"),
    chat_field("top_k"),
    chat_field("min_p"),
    chat_field("repetition_penalty"),
    chat_field("repeat_penalty"),
    chat_field("presence_penalty"),
    chat_field("frequency_penalty"),
    chat_field("logit_bias"),
    chat_field("logit_bias.*"),
    chat_field("seed"),
    chat_field("stop"),
    chat_field("stop[]"),
    chat_field("stream"),
    chat_field("stream_options"),
    chat_field("stream_options.include_usage"),
    chat_field("stream_options.include_progress"),
    chat_field("draft_tokens"),
    chat_field("choices"),
    chat_field("choices[]"),
    chat_field("response_format"),
    chat_field("guided_choice"),
    chat_field("guided_choice[]"),
    chat_field("guided_json"),
    chat_field("structured_outputs"),
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
