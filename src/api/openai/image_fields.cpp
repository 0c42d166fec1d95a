#include "api/openai/image_fields.h"

#include "models/registry.h"

namespace oc {

std::vector<RequestField> knob_fields() {
  std::vector<RequestField> rows;
  for (const ImageKnob& knob : image_knobs())
    rows.push_back({.name = knob.name,
                    .type = FieldType::kInteger,
                    .min = static_cast<double>(knob.min),
                    .max = static_cast<double>(knob.max),
                    .meaning = knob.meaning});
  return rows;
}

std::vector<std::string_view> knob_names() {
  std::vector<std::string_view> names;
  for (const ImageKnob& knob : image_knobs()) names.push_back(knob.name);
  return names;
}

Result<KnobValues> parse_knobs(const JsonFields& fields) {
  KnobValues values;
  for (const RequestField& field : knob_fields()) {
    OC_ASSIGN_OR_RETURN(const auto value, fields.integer(field));
    if (value) values.emplace(field.name, static_cast<int>(*value));
  }
  return values;
}

}  // namespace oc
