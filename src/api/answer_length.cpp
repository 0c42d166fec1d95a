#include "api/answer_length.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace oc {

Result<std::optional<int>> answer_length(const JsonFields& fields,
                                         std::initializer_list<const RequestField*> names,
                                         NoEffect no_effect, FieldNames& told) {
  constexpr std::int64_t kNoLimit = -1, kMost = std::numeric_limits<int>::max();
  std::optional<std::int64_t> length;
  const RequestField* from = nullptr;
  for (const RequestField* field : names) {
    OC_ASSIGN_OR_RETURN(const auto wanted, fields.integer(*field));
    if (wanted == kNoLimit) no_effect.add(field->name);
    if (!wanted || wanted == kNoLimit) continue;
    if (length && *length != *wanted)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("\"{}\" and \"{}\" are both given and differ",
                               fields.name(from->key()), fields.name(field->key())),
                   "send one of them", fields.name(field->key())};
    if (!length) from = field;
    length = wanted;
  }
  told.call("max_tokens", (from == nullptr ? *names.begin() : from)->name);
  if (!length) return std::optional<int>();
  return std::optional(static_cast<int>(std::min(*length, kMost)));
}

}  // namespace oc
