#include "text/sentencepiece/bpe.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/utf8.h"
#include "text/sentencepiece/token_forms.h"

namespace oc {
namespace {

std::size_t count_tokens(const Vocabulary& vocabulary) {
  std::size_t count = 0;
  for (TokenId id = 0; id < vocabulary.id_limit(); ++id)
    count += vocabulary.content(id).has_value();
  return count;
}

}  // namespace

Bpe::Bpe(const Vocabulary& vocabulary, std::vector<Merge> merges,
         const std::array<TokenId, 256>& byte_ids)
    : merges_(std::move(merges)), code_points_(count_tokens(vocabulary)), byte_ids_(byte_ids) {
  for (TokenId id = 0; id < vocabulary.id_limit(); ++id) {
    const std::string_view content = vocabulary.content(id).value_or("");
    const CodePoint first = first_code_point(content);
    if (first.size > 0 && first.size == content.size()) {
      code_points_.set(first.value, id);
      longest_token_ = std::max(longest_token_, content.size());
    }
  }
  splits_at_spaces_ = code_points_.get(kSpaceMarkCodePoint) >= 0;
  // Merging starts from characters and bytes, so nothing else can come out of it.
  for (const Merge& merge : merges_.by_rank()) {
    const std::string_view left = vocabulary.content(merge.left).value_or("");
    const std::string_view right = vocabulary.content(merge.right).value_or("");
    longest_token_ = std::max(longest_token_, left.size() + right.size());
    if (right.starts_with(kSpaceMark) && !left.ends_with(kSpaceMark)) splits_at_spaces_ = false;
  }
}

std::size_t Bpe::encode(std::string_view segment, std::vector<TokenId>& out) const {
  OC_CHECK(segment.size() < (std::size_t{1} << 30), "tokenizer: a text of {} bytes",
           segment.size());
  MergeList list;
  for (std::size_t begin = 0; begin < segment.size();) {
    const std::size_t end = piece_end(segment, begin);
    split(segment.substr(begin, end - begin), begin == 0, list);
    merges_.merge(list);
    list.append_to(out);
    begin = end;
  }
  return list.looked_at();
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

void Bpe::split(std::string_view segment, bool first, MergeList& list) const {
  list.clear(segment.size() + kMoreSymbols);
  const auto append_bytes = [&](std::string_view bytes) {
    for (const char byte : bytes) list.append(byte_ids_[static_cast<std::uint8_t>(byte)]);
  };
  const auto append_character = [&](char32_t value, std::string_view bytes) {
    const TokenId id = code_points_.get(value);
    id >= 0 ? list.append(id) : append_bytes(bytes);
  };

  if (first) append_character(kSpaceMarkCodePoint, kSpaceMark);
  while (!segment.empty()) {
    const CodePoint next = first_code_point(segment);
    const std::size_t size = std::max<std::size_t>(next.size, 1);
    if (next.size == 0) {
      append_bytes(segment.substr(0, 1));  // not UTF-8: this byte as it is, then try again after it
    } else if (next.value == ' ') {
      append_character(kSpaceMarkCodePoint, kSpaceMark);
    } else {
      append_character(next.value, segment.substr(0, size));
    }
    segment.remove_prefix(size);
  }
}

}  // namespace oc
