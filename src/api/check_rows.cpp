#include "api/check_rows.h"

#include "api/no_effect.h"

namespace oc {
namespace {

bool is_below(const RequestField& field, std::string_view prefix) {
  return field.name.starts_with(prefix) &&
         field.name.find_first_of(".[", prefix.size()) == field.name.npos;
}

template <class Value>
Result<void> checked(const Result<Value>& value) {
  if (!value.ok()) return value.error();
  return {};
}

Result<void> check_type(const JsonFields& fields, const RequestField& field) {
  switch (field.type) {
    case FieldType::kBoolean:
      return checked(fields.boolean(field));
    case FieldType::kInteger:
      return checked(fields.integer(field));
    case FieldType::kNumber:
      return checked(fields.number(field));
    case FieldType::kString:
      return checked(fields.string(field));
    case FieldType::kArray:
      return checked(fields.array(field));
    case FieldType::kObject:
      return checked(fields.object(field));
    case FieldType::kAny:
    case FieldType::kInteger64:
    case FieldType::kStrings:
      break;
  }
  return {};
}

}  // namespace

Result<void> check_rows(const JsonFields& fields, std::span<const RequestField> rows,
                        std::vector<std::string>& without_effect, std::string_view prefix,
                        KeptTo kept_to, std::span<const std::string_view> more) {
  std::vector<std::string_view> known(more.begin(), more.end()), meant = known;
  for (const RequestField& field : rows) {
    // Nobody means a field that changes nothing, or is not done.
    if (field.use == FieldUse::kKept && field.name.find('[') == field.name.npos)
      meant.push_back(field.name);
    if (!is_below(field, prefix)) continue;
    known.push_back(field.key());
    if (field.use == FieldUse::kKept) continue;
    const boost::json::value* value = fields.find(field.key());
    if (value == nullptr) continue;
    const bool nothing = asks_for_nothing(field, *value);
    if (field.use == FieldUse::kRefused) {
      if (!nothing) return not_done(fields.name(field.key()));
      continue;
    }
    OC_RETURN_IF_ERROR(check_type(fields, field));
    if (!nothing && (kept_to == nullptr || !kept_to(field.key(), *value)))
      NoEffect(without_effect).add(field.name);
  }
  return fields.only(known, meant, prefix);
}

}  // namespace oc
