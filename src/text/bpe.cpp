#include "text/bpe.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/check.h"
#include "base/utf8.h"

namespace oc {
namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581, "▁"

std::uint64_t pair_key(TokenId left, TokenId right) {
  return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
}

std::size_t count_tokens(const Vocabulary& vocabulary) {
  std::size_t count = 0;
  for (TokenId id = 0; id < vocabulary.id_limit(); ++id)
    count += vocabulary.content(id).has_value();
  return count;
}

}  // namespace

Bpe::Bpe(const Vocabulary& vocabulary, std::vector<Merge> merges,
         const std::array<TokenId, 256>& byte_ids)
    : merges_(std::move(merges)),
      ranks_(merges_.size()),
      code_points_(count_tokens(vocabulary)),
      byte_ids_(byte_ids) {
  for (std::size_t rank = 0; rank < merges_.size(); ++rank) {
    ranks_.set(pair_key(merges_[rank].left, merges_[rank].right), static_cast<std::int32_t>(rank));
  }
  for (TokenId id = 0; id < vocabulary.id_limit(); ++id) {
    const std::string_view content = vocabulary.content(id).value_or("");
    const CodePoint first = first_code_point(content);
    if (first.size > 0 && first.size == content.size()) {
      code_points_.set(first.value, id);
      longest_token_ = std::max(longest_token_, content.size());
    }
  }
  splits_at_spaces_ = code_points_.get(0x2581) >= 0;
  // Merging starts from characters and bytes, so nothing else can come out of it.
  for (const Merge& merge : merges_) {
    const std::string_view left = vocabulary.content(merge.left).value_or("");
    const std::string_view right = vocabulary.content(merge.right).value_or("");
    longest_token_ = std::max(longest_token_, left.size() + right.size());
    if (right.starts_with(kSpaceMark) && !left.ends_with(kSpaceMark)) splits_at_spaces_ = false;
  }
}

std::size_t Bpe::encode(std::string_view segment, std::vector<TokenId>& out) const {
  OC_CHECK(segment.size() < (std::size_t{1} << 30), "tokenizer: a text of {} bytes",
           segment.size());
  Work work;
  for (std::size_t begin = 0; begin < segment.size();) {
    const std::size_t end = piece_end(segment, begin);
    encode_piece(segment.substr(begin, end - begin), begin == 0, work, out);
    begin = end;
  }
  return work.looked_at;
}

// Up to the next mark that does not follow another one: no merge reaches across.
std::size_t Bpe::piece_end(std::string_view segment, std::size_t begin) const {
  if (!splits_at_spaces_) return segment.size();
  const auto mark = [&](std::size_t at) -> std::size_t {  // its bytes; 0: none
    if (segment[at] == ' ') return 1;
    return segment.substr(at).starts_with(kSpaceMark) ? kSpaceMark.size() : 0;
  };
  bool behind_mark = begin == 0;  // one goes in front of the segment
  for (std::size_t at = begin; at < segment.size();) {
    const std::size_t size = mark(at);
    if (size > 0 && !behind_mark && at > begin) return at;
    behind_mark = size > 0;
    at += std::max<std::size_t>(size, 1);
  }
  return segment.size();
}

std::size_t Bpe::longest_piece(std::string_view segment) const {
  std::size_t longest = 0;
  for (std::size_t begin = 0; begin < segment.size();) {
    const std::size_t end = piece_end(segment, begin);
    longest = std::max(longest, end - begin);
    begin = end;
  }
  return longest;
}

std::size_t Bpe::normalised_bytes(std::string_view text) {
  const auto spaces = static_cast<std::size_t>(std::ranges::count(text, ' '));
  return text.size() + spaces * (kSpaceMark.size() - 1);
}

void Bpe::encode_piece(std::string_view piece, bool first, Work& work,
                       std::vector<TokenId>& out) const {
  std::vector<Symbol>& symbols = work.symbols;
  split(piece, first, symbols);
  merge_all(work);
  for (std::int32_t at = 0; at >= 0; at = symbols[static_cast<std::size_t>(at)].next) {
    out.push_back(symbols[static_cast<std::size_t>(at)].id);
  }
}

void Bpe::split(std::string_view segment, bool first, std::vector<Symbol>& symbols) const {
  symbols.clear();
  symbols.reserve(segment.size() + 8);
  const auto append = [&](TokenId id) {
    const auto at = static_cast<std::int32_t>(symbols.size());
    symbols.push_back({id, at - 1, at + 1});
  };
  const auto append_bytes = [&](std::string_view bytes) {
    for (const char byte : bytes) append(byte_ids_[static_cast<std::uint8_t>(byte)]);
  };
  const auto append_character = [&](char32_t value, std::string_view bytes) {
    const TokenId id = code_points_.get(value);
    id >= 0 ? append(id) : append_bytes(bytes);
  };

  if (first) append_character(0x2581, kSpaceMark);
  while (!segment.empty()) {
    const CodePoint next = first_code_point(segment);
    const std::size_t size = std::max<std::size_t>(next.size, 1);
    if (next.size == 0) {
      append_bytes(segment.substr(0, 1));  // not UTF-8: this byte as it is, then try again after it
    } else if (next.value == ' ') {
      append_character(0x2581, kSpaceMark);
    } else {
      append_character(next.value, segment.substr(0, size));
    }
    segment.remove_prefix(size);
  }
  symbols.back().next = -1;
}

void Bpe::merge_all(Work& work) const {
  std::vector<Symbol>& symbols = work.symbols;
  const auto at = [&](std::int32_t i) -> Symbol& { return symbols[static_cast<std::size_t>(i)]; };
  // The candidates, smallest first: rank in the upper half, position of the left token in the
  // lower.
  std::vector<std::uint64_t>& heap = work.heap;
  heap.clear();
  heap.reserve(symbols.size());
  const auto candidate = [&](std::int32_t left) -> bool {
    if (left < 0 || at(left).next < 0) return false;
    const std::int32_t rank = ranks_.get(pair_key(at(left).id, at(at(left).next).id));
    if (rank < 0) return false;
    ++work.looked_at;
    heap.push_back(static_cast<std::uint64_t>(rank) << 32 | static_cast<std::uint32_t>(left));
    return true;
  };
  const auto later = std::greater<>{};
  const auto push = [&](std::int32_t left) {
    if (candidate(left)) std::push_heap(heap.begin(), heap.end(), later);
  };

  for (std::int32_t i = 0; i < static_cast<std::int32_t>(symbols.size()); ++i) candidate(i);
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const Merge& merge = merges_[heap.back() >> 32];
    const auto left = static_cast<std::int32_t>(heap.back() & 0xFFFFFFFFu);
    heap.pop_back();
    // A rank stands for one pair: the candidate is stale if other merges changed either side.
    const std::int32_t right = at(left).next;
    if (at(left).id != merge.left || right < 0 || at(right).id != merge.right) continue;
    at(left).id = merge.result;
    at(left).next = at(right).next;
    at(right).id = -1;
    if (at(left).next >= 0) at(at(left).next).previous = left;
    push(at(left).previous);
    push(left);
  }
}

}  // namespace oc
