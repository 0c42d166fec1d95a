#include "api/openai/fields.h"

#include <algorithm>

#include "api/check_rows.h"
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

}  // namespace

Result<void> check_fields(const JsonFields& fields, std::vector<std::string>& without_effect) {
  static const std::vector<std::string_view> kKnobs = knob_names();
  OC_RETURN_IF_ERROR(check_rows(fields, kChatFields, without_effect, "", is_kept_to, kKnobs));
  return check_modalities(fields);
}

}  // namespace oc
