#include "text/bytelevel/pre_tokenizer.h"

#include <cstdint>

#include "base/utf8.h"

namespace oc {
namespace {

// Bytes of the contraction that the text begins with; 0: none.
std::size_t contraction(std::string_view text) {
  for (const std::string_view one : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (text.starts_with(one)) return one.size();
  return 0;
}

}  // namespace

PreTokenizer::Char PreTokenizer::char_at(std::string_view text, std::size_t at) {
  if (at == text.size()) return {};
  if (const auto byte = static_cast<std::uint8_t>(text[at]); byte < 0x80)
    return {1, char_class(byte)};
  const CodePoint next = first_code_point(text.substr(at, 4));
  if (next.size == 0) return {1, CharClass::kOther};
  return {next.size, char_class(next.value)};
}

std::size_t PreTokenizer::first_piece(std::string_view text) const {
  Char next = char_at(text, 0);
  if (ends_at(next)) return next.size;  // a digit by itself
  if (const std::size_t size = contraction(text); size > 0) return size;

  std::size_t at = 0;
  if (text[0] == ' ') {  // in front of anything but white space it is a part of that
    const Char after_space = char_at(text, 1);
    if (!ends_at(after_space) && after_space.is != CharClass::kWhiteSpace) {
      at = 1;
      next = after_space;
    }
  }
  const CharClass is = next.is;
  std::size_t last = 0;  // where the last character of the run begins
  for (; !ends_at(next) && next.is == is; next = char_at(text, at)) {
    last = at;
    at += next.size;
  }
  // White space leaves its last character to what comes behind it, unless it has no other.
  const bool leaves = is == CharClass::kWhiteSpace && !ends_at(next) && last > 0;
  return leaves ? last : at;
}

}  // namespace oc
