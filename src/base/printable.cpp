#include "base/printable.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>

namespace oc {
namespace {

// The code point that begins `text` and its bytes; 0 bytes when they are not UTF-8.
std::size_t code_point(std::string_view text, char32_t* value) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t size = byte(0) < 0x80           ? 1
                           : (byte(0) >> 5) == 0x06 ? 2
                           : (byte(0) >> 4) == 0x0e ? 3
                           : (byte(0) >> 3) == 0x1e ? 4
                                                    : 0;
  if (size == 0 || size > text.size()) return 0;
  *value = size == 1 ? byte(0) : byte(0) & (0xffu >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    *value = *value << 6 | (byte(i) & 0x3f);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool valid =
      *value >= kSmallest[size] && *value <= 0x10ffff && (*value < 0xd800 || *value > 0xdfff);
  return valid ? size : 0;
}

bool is_control(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

std::string spelled_out(std::string_view text, Lines lines, bool in_quotes) {
  std::string out;
  out.reserve(text.size() + 2);
  while (!text.empty()) {
    char32_t value = 0;
    const std::size_t size = code_point(text, &value);
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

}  // namespace oc
