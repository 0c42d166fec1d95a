// The merging of a byte-pair encoding, whatever its symbols are: by rank, leftmost first among
// equals, as the BPE model of Hugging Face tokenizers does it. Const after construction, any
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "text/flat_map.h"
#include "text/tokenizer.h"

namespace oc {

struct Merge {
  TokenId left = 0;
  TokenId right = 0;
  TokenId result = 0;
};

// The tokens of a stretch of text as a linked list, which merging shortens. To be used for one
// stretch after the other: it keeps its memory.
class MergeList {
 public:
  void clear(std::size_t room) {  // for so many symbols
    symbols_.clear();
    symbols_.reserve(room);
  }
  void append(TokenId id) {
    const auto at = static_cast<std::int32_t>(symbols_.size());
    symbols_.push_back({id, at - 1, at + 1});
  }
  void append_to(std::vector<TokenId>& out) const;  // those that are left
  // Merges that were looked at so far, of all stretches.
  std::size_t looked_at() const { return looked_at_; }

 private:
  friend class BpeMerges;
  struct Symbol {
    TokenId id;  // -1: merged into the one before it
    std::int32_t previous;
    std::int32_t next;  // of the last one: how many there are
  };
  std::vector<Symbol> symbols_;
  std::vector<std::uint64_t> heap_;
  std::size_t looked_at_ = 0;
};

class BpeMerges {
 public:
  // merges: by rank, best first; of two for the same pair the later counts.
  explicit BpeMerges(std::vector<Merge> merges);

  std::span<const Merge> by_rank() const { return merges_; }
  // Until nothing is left to merge. O(n log n): it looks at less than three merges for each symbol.
  void merge(MergeList& list) const;
  // What a list of so many symbols takes: these, and candidates, of which there may be two for
  // each, in a vector that holds both its old and its new place while it grows.
  static std::size_t memory(std::size_t symbols) {
    return symbols * (sizeof(MergeList::Symbol) + 3 * sizeof(std::uint64_t));
  }

 private:
  std::vector<Merge> merges_;
  FlatMap ranks_;  // left << 32 | right → rank
};

}  // namespace oc
