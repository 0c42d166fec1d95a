// Byte-pair encoding over the bytes of a stretch of text, piece by piece, as the BPE model of
// Hugging Face tokenizers does it behind its pre-tokenizers. Const after construction.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/bpe_merges.h"
#include "text/bytelevel/pre_tokenizer.h"
#include "text/vocabulary.h"

namespace oc {

class ByteLevelBpe {
 public:
  // merges: by rank, best first; of two for the same pair the later counts. bytes: the token of
  // every byte, -1 where there is none. Keeps nothing of the vocabulary.
  ByteLevelBpe(const Vocabulary& vocabulary, std::vector<Merge> merges,
               const std::array<TokenId, 256>& bytes, PreTokenizer pre_tokenizer);

  // Appends the ids of a segment. Bytes without a token vanish before anything is merged: what
  // stands on both sides of them may become one token. O(n log n). → how many merges were looked
  // at: less than three for each byte, whatever the text.
  std::size_t encode(std::string_view segment, std::vector<TokenId>& out) const;

  // The longest piece of a segment, in bytes: what encode() takes grows with that.
  std::size_t longest_piece(std::string_view segment) const;
  static std::size_t memory(std::size_t piece_bytes) { return BpeMerges::memory(piece_bytes); }
  // Bytes that one token stands for, at most.
  std::size_t longest_token() const { return longest_token_; }
  // Those that do not vanish.
  std::size_t normalised_bytes(std::string_view text) const;

 private:
  TokenId id_of(char byte) const { return bytes_[static_cast<std::uint8_t>(byte)]; }

  BpeMerges merges_;
  std::array<TokenId, 256> bytes_;
  PreTokenizer pre_tokenizer_;
  std::size_t longest_token_ = 1;
};

}  // namespace oc
