// From decoded tokens to text, incrementally: what the decoder chain ByteFallback, Fuse, Strip(" ")
// of Hugging Face tokenizers does with all tokens at once.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/utf8.h"

namespace oc {

// The reference takes a run of byte tokens as a whole: if it is UTF-8 it becomes that text, if not,
// every byte of it becomes one U+FFFD. One wrong byte thus changes the characters before it, so a
// run that is valid so far has to wait until it ends (it may be a whole answer in a script that the
// vocabulary lacks); once it is broken, its bytes come out at once.
class PieceJoiner {
 public:
  void push_text(std::string_view text, std::string& out);
  void push_byte(std::uint8_t byte, std::string& out);
  void end_run(std::string& out);  // nothing more will continue the byte run

 private:
  void emit(std::string_view text, std::string& out);

  bool at_start_ = true;  // nothing came out yet: one leading space is to be dropped
  bool broken_ = false;
  Utf8Checker checker_;
  std::string pending_;  // the byte run while it may still be valid
};

}  // namespace oc
