#include "base/printable.h"

#include <fmt/format.h>

#include <cstdint>

#include "base/utf8.h"

namespace oc {
namespace {

bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

std::string spelled_out(std::string_view text, Lines lines, bool in_quotes) {
  std::string out;
  out.reserve(text.size() + 2);
  while (!text.empty()) {
    const auto [value, size] = first_code_point(text);
    const bool layout = lines == Lines::kMany && (value == '\n' || value == '\t');
    if (size == 0)
      out += "\\ufffd";
    else if (in_quotes && (value == '"' || value == '\\'))
      out += {'\\', text[0]};
    else if (value == '\n' && !layout)
      out += "\\n";
    else if (is_control(value) && !layout)
      out += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(value));
    else
      out += text.substr(0, size);
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

}  // namespace

std::string printable(std::string_view text, Lines lines) {
  return spelled_out(text, lines, false);
}

std::string printable_in_quotes(std::string_view text) {
  return spelled_out(text, Lines::kOne, true);
}

std::string shortened(std::string_view text, std::size_t max_bytes) {
  const std::string_view beginning = whole_code_points(text, max_bytes);
  return std::string(beginning) + (beginning.size() < text.size() ? "…" : "");
}

std::string excerpt(std::string_view text) {
  constexpr std::size_t kMax = 60;
  std::string out = "\"";
  const bool cut = text.size() > kMax;
  while (!text.empty() && out.size() <= kMax) {
    const CodePoint next = first_code_point(text);
    if (next.size == 0 || next.value < 0x20 || next.value == 0x7F) {
      out += fmt::format("\\x{:02X}", static_cast<std::uint8_t>(text[0]));
      text.remove_prefix(1);
    } else {
      out += printable(text.substr(0, next.size), Lines::kOne);
      text.remove_prefix(next.size);
    }
  }
  return out + (cut || !text.empty() ? "…\"" : "\"");
}

std::string shown_name(std::string_view text) {
  constexpr std::size_t kMax = 200;
  return '"' + printable_in_quotes(shortened(text, kMax)) + '"';
}

}  // namespace oc
