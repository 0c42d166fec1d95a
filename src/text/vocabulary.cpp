#include "text/vocabulary.h"

#include <bit>

#include "base/check.h"

namespace oc {
Vocabulary::Vocabulary(std::size_t tokens, TokenId id_limit)
    : entries_(index(id_limit)), by_content_(std::bit_ceil(2 * tokens + 2), -1) {
  contents_.reserve(8 * tokens);
}

std::size_t Vocabulary::locate(std::string_view content) const {
  const std::size_t mask = by_content_.size() - 1;
  std::size_t at = std::hash<std::string_view>{}(content)&mask;
  while (by_content_[at] >= 0 && this->content(by_content_[at]) != content) at = (at + 1) & mask;
  return at;
}

bool Vocabulary::add(TokenId id, std::string_view content) {
  OC_CHECK(id >= 0 && id < id_limit(), "token id {} of {}", id, id_limit());
  Entry& entry = entries_[index(id)];
  TokenId& slot = by_content_[locate(content)];
  if (entry.used || slot >= 0) return false;
  slot = id;
  entry.begin = static_cast<std::uint32_t>(contents_.size());
  entry.size = static_cast<std::uint32_t>(content.size());
  entry.used = true;
  contents_ += content;
  return true;
}

void Vocabulary::mark_added(const AddedToken& token) {
  OC_CHECK(has(token.id), "added token {} is not there", token.id);
  Entry& entry = entries_[index(token.id)];
  entry.added = true;
  entry.special = token.special;
  entry.rstrip = token.rstrip;
}

std::optional<TokenId> Vocabulary::find(std::string_view content) const {
  const TokenId id = by_content_[locate(content)];
  return id >= 0 ? std::optional(id) : std::nullopt;
}

std::optional<std::string_view> Vocabulary::content(TokenId id) const {
  if (!has(id)) return std::nullopt;
  const Entry& entry = entries_[index(id)];
  return std::string_view(contents_).substr(entry.begin, entry.size);
}

}  // namespace oc
