#include "runtime/loader.h"

namespace oc {

bool is_plain_name(std::string_view name) {
  int parts = 1;
  bool at_start = true;
  for (const char c : name) {
    if (c == '/') {
      if (at_start || ++parts > 2) return false;
      at_start = true;
      continue;
    }
    const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-' || c == '.';
    if (!word || (at_start && c == '.')) return false;
    at_start = false;
  }
  return !at_start && name.size() <= 200;
}

}  // namespace oc
