#include "api/openai/fields.h"

#include <algorithm>

#include "api/openai/chat_fields.h"
#include "api/openai/image_fields.h"

namespace oc {
namespace {

namespace json = boost::json;

bool is_text(const json::value& value, std::string_view text) {
  return value.is_string() && std::string_view(value.get_string()) == text;
}

// The values that every answer of ours keeps to, so that nothing is to be told.
bool is_kept_to(std::string_view key, const json::value& value) {
  if (key == "store") return value.is_bool() && !value.get_bool();
  if (key == "service_tier") return is_text(value, "auto") || is_text(value, "default");
  if (key == "reasoning_effort") return is_text(value, "none");
  return false;
}

bool has_type(const json::value& value, FieldType type) {
  switch (type) {
    case FieldType::kString:
      return value.is_string();
    case FieldType::kBoolean:
      return value.is_bool();
    case FieldType::kObject:
      return value.is_object();
    default:
      return true;  // of fields without effect, no others are looked at
  }
}

// Those at the top of the body, not within others.
bool is_top(const RequestField& field) { return field.name.find_first_of(".[") == field.name.npos; }

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
  static const std::vector<std::string_view> kKnown = [] {
    std::vector<std::string_view> names = knob_names();
    for (const RequestField& field : kChatFields)
      if (is_top(field)) names.push_back(field.name);
    return names;
  }();
  return fields.only(kKnown);
}

}  // namespace

Result<void> check_fields(const JsonFields& fields, NoEffect no_effect) {
  for (const RequestField& field : kChatFields)
    if (const json::value* value =
            field.use == FieldUse::kRefused ? fields.find(field.name) : nullptr;
        value != nullptr && !asks_for_nothing(field, *value))
      return not_done(fields.name(field.key()));
  OC_RETURN_IF_ERROR(check_known(fields));
  OC_RETURN_IF_ERROR(check_modalities(fields));
  for (const RequestField& field : kChatFields) {
    if (field.use != FieldUse::kNoEffect || !is_top(field)) continue;
    const json::value* value = fields.find(field.name);
    if (value == nullptr) continue;
    if (!has_type(*value, field.type))
      return wrong_value(fields.name(field.name), expected(field), *value);
    if (!is_kept_to(field.name, *value)) no_effect.add(field.name);
  }
  return {};
}

}  // namespace oc
