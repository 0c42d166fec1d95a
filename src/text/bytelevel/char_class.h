// What GPT-2's regular expression tells code points apart by.
#pragma once

#include <cstdint>

namespace oc {

enum class CharClass : std::uint8_t {
  kLetter,      // \p{L}
  kNumber,      // \p{N}, which is char::is_numeric in Rust
  kWhiteSpace,  // \s
  kOther,
};

// Unassigned code points and surrogates are kOther. Which Unicode: char_class_ranges.h.
CharClass char_class(char32_t code_point);

}  // namespace oc
