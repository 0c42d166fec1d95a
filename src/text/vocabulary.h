// The tokens of a tokenizer, by id and by content. Filled once, then const: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace oc {

// A token that is matched on the text, before the model sees the rest.
struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool lstrip = false;      // swallows the white space before it
  bool rstrip = false;      // swallows the white space after it
  bool normalized = false;  // matched on the normalised text, where all others have left some
  bool special = false;     // left out by decode(…, skip_special)
};

class Vocabulary {
 public:
  // Room for `tokens` tokens with ids below `id_limit`.
  Vocabulary(std::size_t tokens, TokenId id_limit);

  // False when the id or the content is taken.
  bool add(TokenId id, std::string_view content);
  void mark_added(const AddedToken& token);

  std::optional<TokenId> find(std::string_view content) const;
  std::optional<std::string_view> content(TokenId id) const;
  TokenId id_limit() const { return static_cast<TokenId>(entries_.size()); }

  bool is_added(TokenId id) const { return has(id) && entries_[index(id)].added; }
  bool is_special(TokenId id) const { return has(id) && entries_[index(id)].special; }
  bool has_rstrip(TokenId id) const { return has(id) && entries_[index(id)].rstrip; }

 private:
  struct Entry {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
    bool used = false;
    bool added = false;
    bool special = false;
    bool rstrip = false;
  };
  static std::size_t index(TokenId id) { return static_cast<std::size_t>(id); }
  bool has(TokenId id) const { return id >= 0 && id < id_limit() && entries_[index(id)].used; }
  std::size_t locate(std::string_view content) const;

  std::vector<Entry> entries_;       // by id
  std::vector<TokenId> by_content_;  // open addressing, -1 where empty
  std::string contents_;
};

}  // namespace oc
