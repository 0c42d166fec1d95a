#include "text/bytelevel/utf8_joiner.h"

namespace oc {

void Utf8Joiner::push(std::string_view bytes, std::string& out) {
  for (const char byte : bytes) push_byte(byte, out);
}

void Utf8Joiner::push_byte(char byte, std::string& out) {
  if (!checker_.feed(static_cast<std::uint8_t>(byte))) {
    const bool had_begun = !begun_.empty();
    begun_.clear();
    checker_ = {};
    out += kReplacementCharacter;
    if (had_begun) push_byte(byte, out);  // it may begin the next one
    return;
  }
  begun_ += byte;
  if (!checker_.complete()) return;
  out += begun_;
  begun_.clear();
}

void Utf8Joiner::end(std::string& out) {
  out += waiting();
  begun_.clear();
  checker_ = {};
}

}  // namespace oc
