// UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing past U+10FFFF.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace oc {

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";  // U+FFFD

// Checks bytes one at a time.
class Utf8Checker {
 public:
  // False when no valid text starts with the bytes so far; the checker is of no use then.
  bool feed(std::uint8_t byte) {
    if (missing_ > 0) {
      const bool good = byte >= low_ && byte <= high_;
      low_ = 0x80;
      high_ = 0xBF;
      --missing_;
      return good;
    }
    if (byte < 0x80) return true;
    if (byte < 0xC2 || byte > 0xF4) return false;
    missing_ = byte < 0xE0 ? 1 : byte < 0xF0 ? 2 : 3;
    // The lead bytes whose first continuation byte has a narrower range (Unicode, table 3-7).
    low_ = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
    high_ = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
    return true;
  }
  // Whether the bytes so far end with a whole code point.
  bool complete() const { return missing_ == 0; }

 private:
  int missing_ = 0;  // continuation bytes to come
  std::uint8_t low_ = 0x80;
  std::uint8_t high_ = 0xBF;
};

inline bool is_utf8(std::string_view text) {
  Utf8Checker checker;
  for (const char c : text)
    if (!checker.feed(static_cast<std::uint8_t>(c))) return false;
  return checker.complete();
}

struct CodePoint {
  char32_t value = 0;
  std::size_t size = 0;  // bytes; 0: the text is empty or does not start with a valid sequence
};

inline CodePoint first_code_point(std::string_view text) {
  Utf8Checker checker;
  char32_t value = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    if (!checker.feed(byte)) return {};
    if (i == 0) {
      value = byte < 0x80 ? byte : byte < 0xE0 ? byte & 0x1F : byte < 0xF0 ? byte & 0x0F : byte & 7;
    } else {
      value = value << 6 | (byte & 0x3F);
    }
    if (checker.complete()) return {value, i + 1};
  }
  return {};
}

// The last code point of the text, by the same rules.
inline CodePoint last_code_point(std::string_view text) {
  for (std::size_t size = 1; size <= 4 && size <= text.size(); ++size) {
    const CodePoint found = first_code_point(text.substr(text.size() - size));
    if (found.size == size) return found;
  }
  return {};
}

// The longest beginning of at most `max` bytes that divides no code point of valid text.
inline std::string_view whole_code_points(std::string_view text, std::size_t max) {
  if (text.size() <= max) return text;
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xC0) == 0x80) --max;
  return text.substr(0, max);
}

// The Unicode property White_Space, which is what `\s` means in the reference's regular
// expressions.
inline bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

}  // namespace oc
