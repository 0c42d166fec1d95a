#include "text/sentencepiece/piece_joiner.h"

namespace oc {

void PieceJoiner::emit(std::string_view text, std::string& out) {
  if (at_start_ && !text.empty()) {
    at_start_ = false;
    if (text[0] == ' ') text.remove_prefix(1);
  }
  out += text;
}

void PieceJoiner::push_text(std::string_view text, std::string& out) {
  end_run(out);
  emit(text, out);
}

void PieceJoiner::push_byte(std::uint8_t byte, std::string& out) {
  if (broken_) {
    emit(kReplacementCharacter, out);
    return;
  }
  pending_ += static_cast<char>(byte);
  if (checker_.feed(byte)) return;
  broken_ = true;
  for (std::size_t i = 0; i < pending_.size(); ++i) emit(kReplacementCharacter, out);
  pending_.clear();
}

void PieceJoiner::end_run(std::string& out) {
  if (checker_.complete() || broken_) {
    emit(pending_, out);
  } else {
    for (std::size_t i = 0; i < pending_.size(); ++i) emit(kReplacementCharacter, out);
  }
  pending_.clear();
  checker_ = {};
  broken_ = false;
}

}  // namespace oc
