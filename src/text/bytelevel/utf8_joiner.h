// From the bytes of decoded tokens to text, incrementally: what the decoder ByteLevel of Hugging
// Face tokenizers does with all of them at once (String::from_utf8_lossy). Where bytes are not
// UTF-8, each longest beginning of a code point becomes one U+FFFD, and so does each byte that
// cannot begin one (Unicode's "substitution of maximal subparts").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/utf8.h"

namespace oc {

class Utf8Joiner {
 public:
  // Whole code points come out at once, the beginning of one waits: three bytes at most.
  void push(std::string_view bytes, std::string& out);
  void end(std::string& out);  // nothing more will continue what waits
  // What end() would append now.
  std::string_view waiting() const {
    return begun_.empty() ? std::string_view() : kReplacementCharacter;
  }

 private:
  void push_byte(char byte, std::string& out);

  std::string begun_;
  Utf8Checker checker_;  // has seen begun_
};

}  // namespace oc
