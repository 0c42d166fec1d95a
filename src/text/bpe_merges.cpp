#include "text/bpe_merges.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace oc {
namespace {

std::uint64_t pair_key(TokenId left, TokenId right) {
  return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
}

}  // namespace

void MergeList::append_to(std::vector<TokenId>& out) const {
  for (std::size_t at = 0; at < symbols_.size(); at = static_cast<std::size_t>(symbols_[at].next)) {
    out.push_back(symbols_[at].id);
  }
}

BpeMerges::BpeMerges(std::vector<Merge> merges)
    : merges_(std::move(merges)), ranks_(merges_.size()) {
  for (std::size_t rank = 0; rank < merges_.size(); ++rank) {
    ranks_.set(pair_key(merges_[rank].left, merges_[rank].right), static_cast<std::int32_t>(rank));
  }
}

void BpeMerges::merge(MergeList& list) const {
  std::vector<MergeList::Symbol>& symbols = list.symbols_;
  const auto size = static_cast<std::int32_t>(symbols.size());
  const auto at = [&](std::int32_t i) -> MergeList::Symbol& {
    return symbols[static_cast<std::size_t>(i)];
  };
  // The candidates, smallest first: rank in the upper half, position of the left token in the
  // lower.
  std::vector<std::uint64_t>& heap = list.heap_;
  heap.clear();
  heap.reserve(symbols.size());
  const auto candidate = [&](std::int32_t left) -> bool {
    if (left < 0 || at(left).next >= size) return false;
    const std::int32_t rank = ranks_.get(pair_key(at(left).id, at(at(left).next).id));
    if (rank < 0) return false;
    ++list.looked_at_;
    heap.push_back(static_cast<std::uint64_t>(rank) << 32 | static_cast<std::uint32_t>(left));
    return true;
  };
  const auto later = std::greater<>{};
  const auto push = [&](std::int32_t left) {
    if (candidate(left)) std::push_heap(heap.begin(), heap.end(), later);
  };

  for (std::int32_t i = 0; i < size; ++i) candidate(i);
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const Merge& merge = merges_[heap.back() >> 32];
    const auto left = static_cast<std::int32_t>(heap.back() & 0xFFFFFFFFu);
    heap.pop_back();
    // A rank stands for one pair: the candidate is stale if other merges changed either side.
    const std::int32_t right = at(left).next;
    if (at(left).id != merge.left || right >= size || at(right).id != merge.right) continue;
    at(left).id = merge.result;
    at(left).next = at(right).next;
    at(right).id = -1;
    if (at(left).next < size) at(at(left).next).previous = left;
    push(at(left).previous);
    push(left);
  }
}

}  // namespace oc
