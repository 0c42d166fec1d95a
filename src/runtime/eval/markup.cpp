#include "runtime/eval/markup.h"

#include "base/printable.h"

namespace oc {

std::string in_markup(std::string_view text) {
  std::string out;
  for (const char c : printable(text, Lines::kOne)) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  return out;
}

std::string in_markdown(std::string_view text) {
  constexpr std::string_view kMarks = "\\`*_[]<>|&!~";
  std::string out;
  for (const char c : printable(text, Lines::kOne)) {
    if (kMarks.find(c) != kMarks.npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace oc
