// Byte-pair encoding with byte fallback over one segment of text, as the BPE model of Hugging Face
// tokenizers does it. Const after construction.
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "text/bpe_merges.h"
#include "text/flat_map.h"
#include "text/vocabulary.h"

namespace oc {

class Bpe {
 public:
  // merges: by rank, best first; of two for the same pair the later counts. byte_ids: the token
  // "<0xNN>" of every byte. Keeps nothing of the vocabulary.
  Bpe(const Vocabulary& vocabulary, std::vector<Merge> merges,
      const std::array<TokenId, 256>& byte_ids);

  // Appends the ids of a segment, normalised on the way ("▁" in front, "▁" for every space).
  // Characters without a token become the tokens of their bytes, bytes that are not UTF-8 likewise.
  // O(n log n). An empty segment has no ids. → how many merges were looked at: less than three for
  // each byte, whatever the text.
  std::size_t encode(std::string_view segment, std::vector<TokenId>& out) const;

  // The longest piece of a segment that is merged as a whole, in bytes: what encode() takes grows
  // with that, not with the segment.
  std::size_t longest_piece(std::string_view segment) const;
  // What encode() takes for such a piece: a symbol for each byte at most, and the mark in front.
  static std::size_t memory(std::size_t piece) { return BpeMerges::memory(piece + kMoreSymbols); }
  // Normalised bytes that one token stands for, at most.
  std::size_t longest_token() const { return longest_token_; }
  // Of a text inside a segment: every space is a mark. One more goes in front of the segment.
  static std::size_t normalised_bytes(std::string_view text);

 private:
  static constexpr std::size_t kMoreSymbols = 8;
  std::size_t piece_end(std::string_view segment, std::size_t begin) const;
  void split(std::string_view piece, bool first, MergeList& list) const;

  BpeMerges merges_;
  FlatMap code_points_;  // code point → its token
  std::array<TokenId, 256> byte_ids_;
  std::size_t longest_token_ = 1;
  bool splits_at_spaces_ = true;  // no merge joins anything but marks to a mark behind it
};

}  // namespace oc
