#include "text/bytelevel/char_class.h"

#include <algorithm>
#include <span>

#include "base/utf8.h"
#include "text/bytelevel/char_class_ranges.h"

namespace oc {
namespace {

bool within(std::span<const CodePointRange> ranges, char32_t c) {
  const auto range = std::ranges::lower_bound(ranges, c, {}, &CodePointRange::last);
  return range != ranges.end() && range->first <= c;
}

}  // namespace

CharClass char_class(char32_t c) {
  if (is_white_space(c)) return CharClass::kWhiteSpace;
  if (c < 0x80) {
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') return CharClass::kLetter;
    return c >= '0' && c <= '9' ? CharClass::kNumber : CharClass::kOther;
  }
  if (within(kLetterRanges, c)) return CharClass::kLetter;
  return within(kNumberRanges, c) ? CharClass::kNumber : CharClass::kOther;
}

}  // namespace oc
