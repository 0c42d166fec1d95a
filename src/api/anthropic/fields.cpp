#include "api/anthropic/fields.h"

#include <algorithm>
#include <array>
#include <limits>

#include "base/check.h"

namespace oc {
namespace {

using enum FieldType;

constexpr double kMaxInt = std::numeric_limits<int>::max();

constexpr RequestField within(std::string_view name, FieldType type, double min, double max,
                              std::string_view meaning) {
  return {.name = name, .type = type, .min = min, .max = max, .meaning = meaning};
}
constexpr RequestField some(std::string_view name, double min, double max, std::string_view entries,
                            std::string_view meaning) {
  return {
      .name = name, .type = kArray, .min = min, .max = max, .entries = entries, .meaning = meaning};
}
constexpr RequestField kept(std::string_view name, FieldType type, std::string_view meaning) {
  return {.name = name, .type = type, .meaning = meaning};
}
constexpr RequestField no_effect(std::string_view name, FieldType type) {
  return {.name = name, .type = type, .use = FieldUse::kNoEffect, .meaning = "without effect"};
}
constexpr RequestField refused(std::string_view name,
                               decltype(RequestField::nothing) nothing = {}) {
  return {.name = name, .use = FieldUse::kRefused, .nothing = nothing, .meaning = "not done"};
}

constexpr std::array kFields = {
    within("model", kString, 0, 4096, "which model answers; absent or empty: the active one"),
    some("messages", 1, 4096, "messages", "the conversation"),
    kept("system", kAny, "a string, or text blocks: what stands above the conversation"),
    within("max_tokens", kInteger, 1, kMaxInt, "the longest answer, at most the model's context"),
    some("stop_sequences", 0, 16, "strings", "texts that end the answer"),
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
