#include "api/anthropic/fields.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace oc {
namespace {

using enum FieldType;
using namespace field_rows;

constexpr std::array kFields = {
    within("model", kString, 0, 4096, "which model answers; absent or empty: the active one"),
    within("messages", kArray, 1, 4096, "the conversation", "messages"),
    kept("system", kAny, "a string, or text blocks: what stands above the conversation"),
    within("max_tokens", kInteger, -1, kMaxWhole,
           "the longest answer; more than the model's context is as much as that; 0: none; -1: no "
           "limit of its own"),
    within("stop_sequences", kArray, 0, 16, "texts that end the answer", "strings"),
    within("stop_sequences[]", kString, 0, 512, "one of them; an empty one stops nothing"),
    kept("stream", kBoolean, "the answer comes as events"),
    within("temperature", kNumber, 0, 2, "how freely tokens are drawn; 0: the likeliest"),
    within("top_p", kNumber, 0, 1, "tokens that make up this much of the probability"),
    within("top_k", kInteger, -1, kMaxInt, "so many of the likeliest tokens; 0 and -1: all"),
    kept("tools", kArray, "called where `tool_choice` forces it"),
    kept("tool_choice", kObject, "`any`, or `tool` with a name, forces a call"),
    kept("output_config", kObject, "`format`: a JSON schema that the answer keeps to"),
    kept("output_format", kObject, "as `output_config.format`"),
    no_effect("cache_control", kObject),
    no_effect("context_management", kObject),
    no_effect("diagnostics", kObject),
    no_effect("inference_geo", kString),
    no_effect("metadata", kObject),
    no_effect("service_tier", kString),
    no_effect("speed", kString),
    no_effect("thinking", kObject),
    no_effect("user_profile_id", kString),
    no_effect("workspace_id", kString),
    refused("container"),
    refused("mcp_servers", Empty()),
};

}  // namespace

std::span<const RequestField> messages_fields() { return kFields; }

const RequestField& messages_field(std::string_view name) {
  const auto found = std::ranges::find(kFields, name, &RequestField::name);
  OC_CHECK(found != kFields.end(), "messages have no field {}", name);
  return *found;
}

}  // namespace oc
