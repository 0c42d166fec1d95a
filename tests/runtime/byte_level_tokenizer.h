// A tokenizer of another kind than Llama's, for tests: as byte-level BPE it has a token for every
// byte, no mark for spaces, no space that a text begins without, no "<0x0A>", and nothing that
// stands in front of a text. Longest match instead of merges.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "tests/runtime/fake_model.h"
#include "text/tokenizer.h"

namespace oc::fake {

class ByteLevelTokenizer final : public Tokenizer {
 public:
  ByteLevelTokenizer() : tokens_(kFirstByte) {
    for (int byte = 0; byte < 256; ++byte) tokens_.emplace_back(1, static_cast<char>(byte));
    for (const char* word : {" yes", "yes", " no", "no", " hello", "hello", "\xE2\x82", "\n\n",
                             "{\"", "\":", "\"}", "\",", " \"", "[\"", "\"]"})
      tokens_.emplace_back(word);
    tokens_.resize(kEnd);
    tokens_.emplace_back(kEndContent);
  }

  std::vector<TokenId> encode(std::string_view text, bool added_tokens) const override {
    std::vector<TokenId> ids;
    while (!text.empty()) {
      TokenId longest = 0;
      for (TokenId id = kFirstByte; id < (added_tokens ? kEnd + 1 : kEnd); ++id)
        if (!bytes(id).empty() && text.starts_with(bytes(id)) &&
            bytes(id).size() > bytes(longest).size())
          longest = id;
      ids.push_back(longest);
      text.remove_prefix(bytes(longest).size());
    }
    return ids;
  }
  std::size_t normalised_bytes(std::string_view text) const override { return text.size(); }
  std::size_t longest_token() const override {
    return std::ranges::max(tokens_, {}, &std::string::size).size();
  }
  std::size_t encode_memory(std::string_view) const override { return 0; }
  std::unique_ptr<Detokenizer> detokenizer(bool skip_special) const override;
  std::optional<TokenId> id_of(std::string_view content) const override {
    const auto found = std::ranges::find(tokens_, content);
    if (content.empty() || found == tokens_.end()) return std::nullopt;
    return static_cast<TokenId>(found - tokens_.begin());
  }
  std::optional<std::string_view> token(TokenId id) const override {
    if (id < 0 || id >= vocab_size() || bytes(id).empty()) return std::nullopt;
    return bytes(id);
  }
  std::string bytes_of(TokenId id) const override { return std::string(token(id).value_or("")); }
  std::string_view dropped_at_start() const override { return ""; }
  bool is_special(TokenId id) const override { return id == kEnd; }
  std::size_t swallowed_behind(TokenId, std::string_view) const override { return 0; }
  std::optional<TokenId> bos() const override { return std::nullopt; }
  TokenId vocab_size() const override { return static_cast<TokenId>(tokens_.size()); }

 private:
  static constexpr TokenId kFirstByte = 3;
  static constexpr std::string_view kEndContent = "<|end|>";
  const std::string& bytes(TokenId id) const { return tokens_[static_cast<std::size_t>(id)]; }

  std::vector<std::string> tokens_;  // empty: no token
};

// Whole code points at once; what cannot become one is U+FFFD.
class ByteLevelDetokenizer final : public Detokenizer {
 public:
  ByteLevelDetokenizer(const ByteLevelTokenizer& tokenizer, bool skip_special)
      : tokenizer_(tokenizer), skip_special_(skip_special) {}

  void push(TokenId id, std::string& out) override {
    if (skip_special_ && tokenizer_.is_special(id)) return;
    for (const char byte : tokenizer_.bytes_of(id)) push_byte(byte, out);
  }
  void flush(std::string& out) override {
    out += waiting();
    begun_.clear();
    checker_ = {};
  }
  std::string waiting() const override {
    return std::string(begun_.empty() ? std::string_view() : kReplacementCharacter);
  }

 private:
  void push_byte(char byte, std::string& out) {
    if (!checker_.feed(static_cast<std::uint8_t>(byte))) {
      const bool first = begun_.empty();
      out += kReplacementCharacter;
      begun_.clear();
      checker_ = {};
      if (!first) push_byte(byte, out);
      return;
    }
    begun_ += byte;
    if (!checker_.complete()) return;
    out += begun_;
    begun_.clear();
  }

  const ByteLevelTokenizer& tokenizer_;
  bool skip_special_;
  std::string begun_;  // bytes of a code point that is not whole yet
  Utf8Checker checker_;
};

inline std::unique_ptr<Detokenizer> ByteLevelTokenizer::detokenizer(bool skip_special) const {
  return std::make_unique<ByteLevelDetokenizer>(*this, skip_special);
}

}  // namespace oc::fake
