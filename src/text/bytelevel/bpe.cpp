#include "text/bytelevel/bpe.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "text/bytelevel/byte_letters.h"

namespace oc {

ByteLevelBpe::ByteLevelBpe(const Vocabulary& vocabulary, std::vector<Merge> merges,
                           const std::array<TokenId, 256>& bytes, PreTokenizer pre_tokenizer)
    : merges_(std::move(merges)), bytes_(bytes), pre_tokenizer_(pre_tokenizer) {
  // Merging starts from single bytes, so nothing else can come out of it.
  for (const Merge& merge : merges_.by_rank()) {
    const std::string_view made = vocabulary.content(merge.result).value_or("");
    longest_token_ = std::max(longest_token_, bytes_of_content(made).size());
  }
}

std::size_t ByteLevelBpe::encode(std::string_view segment, std::vector<TokenId>& out) const {
  OC_CHECK(segment.size() < (std::size_t{1} << 30), "tokenizer: a text of {} bytes",
           segment.size());
  MergeList list;
  while (!segment.empty()) {
    const std::size_t size = pre_tokenizer_.first_piece(segment);
    list.clear(size);
    for (const char byte : segment.substr(0, size))
      if (const TokenId id = id_of(byte); id >= 0) list.append(id);
    merges_.merge(list);
    list.append_to(out);
    segment.remove_prefix(size);
  }
  return list.looked_at();
}

std::size_t ByteLevelBpe::longest_piece(std::string_view segment) const {
  std::size_t longest = 0;
  while (!segment.empty()) {
    const std::size_t size = pre_tokenizer_.first_piece(segment);
    longest = std::max(longest, size);
    segment.remove_prefix(size);
  }
  return longest;
}

std::size_t ByteLevelBpe::normalised_bytes(std::string_view text) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [&](char c) { return id_of(c) >= 0; }));
}

}  // namespace oc
