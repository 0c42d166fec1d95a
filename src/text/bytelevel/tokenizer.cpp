#include "text/bytelevel/tokenizer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "text/added_tokens.h"
#include "text/bytelevel/bpe.h"
#include "text/bytelevel/byte_letters.h"
#include "text/bytelevel/spec.h"
#include "text/bytelevel/utf8_joiner.h"

namespace oc {
namespace {

// Added tokens that stand for what they look like, wherever it comes from: runs of white space
// (CodeGen's), with which the model has learned to read ordinary text.
std::vector<AddedToken> white_space_runs(const std::vector<AddedToken>& added) {
  std::vector<AddedToken> runs;
  std::ranges::copy_if(added, std::back_inserter(runs), [](const AddedToken& token) {
    return !token.special && !token.lstrip && !token.rstrip &&
           leading_white_space(token.content) == token.content.size();
  });
  return runs;
}

class ByteLevelTokenizer final : public Tokenizer {
 public:
  explicit ByteLevelTokenizer(ByteLevelSpec spec)
      : vocabulary_(std::move(spec.vocabulary)),
        bpe_(vocabulary_, std::move(spec.merges), spec.bytes, PreTokenizer(spec.digits_apart)),
        longest_token_(bpe_.longest_token()) {
    std::vector<AddedToken> runs = white_space_runs(spec.added);
    for (const AddedToken& run : runs)
      longest_token_ = std::max(longest_token_, run.content.size());
    white_space_ = AddedTokens(std::move(runs));
    added_ = AddedTokens(std::move(spec.added));
  }

  std::vector<TokenId> encode(std::string_view text, bool added_tokens) const override {
    std::vector<TokenId> ids;
    (added_tokens ? added_ : white_space_).split(text, [&](const TextSegment& segment) {
      if (segment.added >= 0) {
        ids.push_back(segment.added);
      } else {
        bpe_.encode(segment.text, ids);
      }
    });
    return ids;
  }
  std::size_t normalised_bytes(std::string_view text) const override {
    return bpe_.normalised_bytes(text);
  }
  std::size_t longest_token() const override { return longest_token_; }
  std::size_t encode_memory(std::string_view text) const override {
    std::size_t longest = 0;
    white_space_.split(text, [&](const TextSegment& segment) {
      if (segment.added < 0) longest = std::max(longest, bpe_.longest_piece(segment.text));
    });
    return ByteLevelBpe::memory(longest);
  }
  std::unique_ptr<Detokenizer> detokenizer(bool skip_special) const override;
  std::optional<TokenId> id_of(std::string_view content) const override {
    return vocabulary_.find(content);
  }
  std::optional<std::string_view> token(TokenId id) const override {
    return vocabulary_.content(id);
  }
  std::string bytes_of(TokenId id) const override {
    return bytes_of_content(vocabulary_.content(id).value_or(""));
  }
  std::string_view dropped_at_start() const override { return ""; }
  bool is_special(TokenId id) const override { return vocabulary_.is_special(id); }
  std::size_t swallowed_behind(TokenId id, std::string_view text) const override {
    return vocabulary_.has_rstrip(id) ? leading_white_space(text) : 0;
  }
  std::optional<TokenId> bos() const override { return std::nullopt; }
  TokenId vocab_size() const override { return vocabulary_.id_limit(); }

 private:
  Vocabulary vocabulary_;
  ByteLevelBpe bpe_;
  AddedTokens added_;
  AddedTokens white_space_;    // those among them that ordinary text may become
  std::size_t longest_token_;  // of ordinary text
};

class ByteLevelDetokenizer final : public Detokenizer {
 public:
  ByteLevelDetokenizer(const ByteLevelTokenizer& tokenizer, bool skip_special)
      : tokenizer_(tokenizer), skip_special_(skip_special) {}

  void push(TokenId id, std::string& out) override {
    if (!skip_special_ || !tokenizer_.is_special(id)) joiner_.push(tokenizer_.bytes_of(id), out);
  }
  void flush(std::string& out) override { joiner_.end(out); }
  std::string waiting() const override { return std::string(joiner_.waiting()); }

 private:
  const ByteLevelTokenizer& tokenizer_;
  bool skip_special_;
  Utf8Joiner joiner_;
};

std::unique_ptr<Detokenizer> ByteLevelTokenizer::detokenizer(bool skip_special) const {
  return std::make_unique<ByteLevelDetokenizer>(*this, skip_special);
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> read_byte_level(const JsonReader& document) {
  OC_ASSIGN_OR_RETURN(ByteLevelSpec spec, read_byte_level_spec(document));
  return std::shared_ptr<const Tokenizer>(
      std::make_shared<const ByteLevelTokenizer>(std::move(spec)));
}

}  // namespace oc
