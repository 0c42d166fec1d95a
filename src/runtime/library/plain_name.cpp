#include "runtime/library/plain_name.h"

#include <algorithm>

#include "base/ascii.h"

namespace oc {
namespace {

bool is_word(char c) { return is_letter_or_digit(c) || c == '_' || c == '-' || c == '.'; }

}  // namespace

bool is_plain_name(std::string_view name) {
  int parts = 1;
  bool at_start = true;
  for (const char c : name) {
    if (c == '/') {
      if (at_start || ++parts > 2) return false;
      at_start = true;
      continue;
    }
    if (!is_word(c) || (at_start && c == '.')) return false;
    at_start = false;
  }
  return !at_start && name.size() <= 200;
}

bool is_safe_file_name(std::string_view name) {
  return !name.empty() && name.size() <= 200 && name.front() != '.' &&
         std::ranges::all_of(name, is_word);
}

}  // namespace oc
