#include "api/field_names.h"

#include <algorithm>

#include "base/ascii.h"

namespace oc {
namespace {

bool is_of_name(char c) { return is_letter_or_digit(c) || c == '_' || c == '.'; }

void replace_words(std::string& text, const std::string& ours, const std::string& theirs) {
  const bool only_quoted = ours.find('_') == ours.npos;
  for (std::size_t at = 0; (at = text.find(ours, at)) != text.npos;) {
    const std::size_t end = at + ours.size();
    const char before = at > 0 ? text[at - 1] : ' ', after = end < text.size() ? text[end] : ' ';
    // A sentence may end behind it.
    const bool whole = !is_of_name(before) && (!is_of_name(after) || after == '.');
    const bool quoted = before == '"' && after == '"';
    if (only_quoted ? quoted : whole) {
      text.replace(at, ours.size(), theirs);
      at += theirs.size();
    } else {
      at = end;
    }
  }
}

// "prompt[" to "prompt[0][": all that stands behind is an index.
void replace_entries(std::string& text, const std::string& ours, const std::string& theirs) {
  const std::string begin = '"' + ours, wanted = '"' + theirs;
  for (std::size_t at = 0; (at = text.find(begin, at)) != text.npos; at += wanted.size())
    text.replace(at, begin.size(), wanted);
}

bool names_entries(std::string_view name) { return name.ends_with('['); }

}  // namespace

void FieldNames::call(std::string_view ours, std::string_view theirs) {
  const auto found =
      std::ranges::find(names_, ours, [](const auto& one) { return std::string_view(one.first); });
  if (found != names_.end())
    found->second = theirs;
  else
    names_.emplace_back(ours, theirs);
}

std::string_view FieldNames::of(std::string_view ours) const {
  for (const auto& [name, theirs] : names_)
    if (name == ours) return theirs;
  return ours;
}

Error FieldNames::in_their_words(Error error) const {
  // Entries first: what becomes one by its new name is none of ours.
  for (const bool entries : {true, false})
    for (const auto& [ours, theirs] : names_) {
      if (names_entries(ours) != entries) continue;
      const auto replace = entries ? replace_entries : replace_words;
      replace(error.message, ours, theirs);
      replace(error.hint, ours, theirs);
      if (entries && error.param.starts_with(ours)) error.param.replace(0, ours.size(), theirs);
    }
  error.param = of(error.param);
  return error;
}

}  // namespace oc
