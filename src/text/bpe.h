// Byte-pair encoding with byte fallback over one segment of text, as the BPE model of Hugging Face
// tokenizers does it: merges by rank, leftmost first among equals. Const after construction.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/flat_map.h"
#include "text/vocabulary.h"

namespace oc {

struct Merge {
  TokenId left = 0;
  TokenId right = 0;
  TokenId result = 0;
};

class Bpe {
 public:
  // merges: by rank, best first; of two for the same pair the later counts. byte_ids: the token
  // "<0xNN>" of every byte. Keeps nothing of the vocabulary.
  Bpe(const Vocabulary& vocabulary, std::vector<Merge> merges,
      const std::array<TokenId, 256>& byte_ids);

  // Appends the ids of a segment, normalised on the way ("▁" in front, "▁" for every space).
  // Characters without a token become the tokens of their bytes, bytes that are not UTF-8 likewise.
  // O(n log n). An empty segment has no ids.
  void encode(std::string_view segment, std::vector<TokenId>& out) const;

 private:
  // One node of the linked list of tokens that merging shortens.
  struct Symbol {
    TokenId id;  // -1: merged into the one before it
    std::int32_t previous;
    std::int32_t next;  // -1: the last
  };
  std::vector<Symbol> split(std::string_view segment) const;
  void merge_all(std::vector<Symbol>& symbols) const;

  std::vector<Merge> merges_;
  FlatMap ranks_;        // left << 32 | right → rank
  FlatMap code_points_;  // code point → its token
  std::array<TokenId, 256> byte_ids_;
};

}  // namespace oc
