// Splits text at its added tokens, as Hugging Face tokenizers' AddedVocabulary does: first at those
// that are not marked normalized, then what lies between at the others; leftmost match first, the
// longest of those that start there. Const after construction, any thread.
#pragma once

#include <bitset>
#include <cstddef>
#include <functional>
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
  using Visit = std::function<void(const TextSegment&)>;

  AddedTokens() = default;
  // Contents must be distinct and not empty. Where the kind has a normalizer none may be marked
  // normalized: contents and text are compared as they are.
  explicit AddedTokens(std::vector<AddedToken> tokens);
  // Visits the segments in order. O(n · longest content). The views point into `text`.
  void split(std::string_view text, const Visit& visit) const;

 private:
  class Matcher {
   public:
    void add(AddedToken token);
    void sort();  // when all are there
    void split(std::string_view text, const Visit& visit) const;

   private:
    const AddedToken* match(std::string_view text) const;  // at the start of text; nullptr: none

    std::vector<AddedToken> tokens_;  // sorted by content
    std::bitset<256> first_bytes_;
  };

  Matcher raw_, normalized_;
};

}  // namespace oc
