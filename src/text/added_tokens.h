// Splits text at its added tokens, as Hugging Face tokenizers' AddedVocabulary does: leftmost match
// first, the longest of those that start there. Const after construction, any thread.
#pragma once

#include <bitset>
#include <cstddef>
#include <string_view>
#include <vector>

#include "text/vocabulary.h"

namespace oc {

// A piece of the text: an added token with the white space that it swallowed, or what lies between.
struct TextSegment {
  std::string_view text;
  TokenId added = -1;  // -1: ordinary text, not empty
};

// The white space that a text begins with, in bytes: what a token that is marked rstrip swallows.
std::size_t leading_white_space(std::string_view text);

class AddedTokens {
 public:
  // Contents must be distinct and not empty.
  explicit AddedTokens(std::vector<AddedToken> tokens);
  // O(n · longest content). The views point into `text`.
  std::vector<TextSegment> split(std::string_view text) const;

 private:
  const AddedToken* match(std::string_view text) const;  // at the start of text; nullptr: none

  std::vector<AddedToken> tokens_;  // sorted by content
  std::bitset<256> first_bytes_;
};

}  // namespace oc
