// Cuts a text into the pieces whose bytes are merged: no token reaches across a cut. By the regular
// expression of GPT-2, as Hugging Face's pre-tokenizer ByteLevel has it,
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// and before that, where the file asks for it, by the pre-tokenizer Digits. Any thread.
#pragma once

#include <cstddef>
#include <string_view>

#include "text/bytelevel/char_class.h"

namespace oc {

class PreTokenizer {
 public:
  // digits_apart: every number (\p{N}) is a piece of its own, and what lies between two of them is
  // cut as a text by itself: the look-ahead ends there.
  explicit PreTokenizer(bool digits_apart) : digits_apart_(digits_apart) {}

  // Bytes of the first piece of a text that is not empty; the next piece begins behind it, whatever
  // was in front. O(of those, and the white space behind them). A byte that is not UTF-8 is neither
  // a letter nor a number nor white space.
  std::size_t first_piece(std::string_view text) const;

 private:
  struct Char {
    std::size_t size = 0;  // bytes; 0: the text is over
    CharClass is = CharClass::kOther;
  };
  static Char char_at(std::string_view text, std::size_t at);
  bool ends_at(Char c) const {
    return c.size == 0 || (digits_apart_ && c.is == CharClass::kNumber);
  }

  bool digits_apart_;
};

}  // namespace oc
