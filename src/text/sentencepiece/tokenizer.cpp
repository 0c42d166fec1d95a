#include "text/sentencepiece/tokenizer.h"

#include <utility>

#include "text/added_tokens.h"
#include "text/sentencepiece/bpe.h"
#include "text/sentencepiece/piece_joiner.h"
#include "text/sentencepiece/spec.h"
#include "text/sentencepiece/token_forms.h"

namespace oc {
namespace {

class SentencePieceTokenizer final : public Tokenizer {
 public:
  explicit SentencePieceTokenizer(SentencePieceSpec spec)
      : vocabulary_(std::move(spec.vocabulary)),
        bpe_(vocabulary_, std::move(spec.merges), spec.bytes),
        added_(std::move(spec.added)),
        bos_(spec.bos) {
    for (TokenId id = 0; id < vocabulary_.id_limit(); ++id)
      byte_values_.push_back(byte_of_token(vocabulary_.content(id).value_or("")));
  }

  std::vector<TokenId> encode(std::string_view text, bool added_tokens) const override;
  std::size_t normalised_bytes(std::string_view text) const override {
    return Bpe::normalised_bytes(text);
  }
  std::size_t longest_token() const override { return bpe_.longest_token(); }
  // Grows with the longest stretch without a space.
  std::size_t encode_memory(std::string_view text) const override {
    return Bpe::memory(bpe_.longest_piece(text));
  }
  std::unique_ptr<Detokenizer> detokenizer(bool skip_special) const override;
  std::optional<TokenId> id_of(std::string_view content) const override {
    return vocabulary_.find(content);
  }
  std::optional<std::string_view> token(TokenId id) const override {
    return vocabulary_.content(id);
  }
  std::string bytes_of(TokenId id) const override;
  std::string_view dropped_at_start() const override { return " "; }
  bool is_special(TokenId id) const override { return vocabulary_.is_special(id); }
  std::size_t swallowed_behind(TokenId id, std::string_view text) const override {
    return vocabulary_.has_rstrip(id) ? leading_white_space(text) : 0;
  }
  std::optional<TokenId> bos() const override { return bos_; }
  TokenId vocab_size() const override { return vocabulary_.id_limit(); }

  // One token of a decoded sequence.
  void join(TokenId id, bool skip_special, PieceJoiner& joiner, std::string& out) const;

 private:
  // Of a token "<0xNN>" that is there; -1: none.
  int byte_value(TokenId id) const { return byte_values_[static_cast<std::size_t>(id)]; }

  Vocabulary vocabulary_;
  Bpe bpe_;
  AddedTokens added_;
  std::vector<std::int16_t> byte_values_;  // by id
  TokenId bos_;
};

// Byte tokens wait until their run ends, since decoding makes all of a run U+FFFD if any byte of it
// is wrong (piece_joiner.h); this includes the newline, which is a byte token.
class SentencePieceDetokenizer final : public Detokenizer {
 public:
  SentencePieceDetokenizer(const SentencePieceTokenizer& tokenizer, bool skip_special)
      : tokenizer_(tokenizer), skip_special_(skip_special) {}

  void push(TokenId id, std::string& out) override {
    tokenizer_.join(id, skip_special_, joiner_, out);
  }
  void flush(std::string& out) override { joiner_.end_run(out); }
  std::string waiting() const override {
    std::string out;
    PieceJoiner(joiner_).end_run(out);
    return out;
  }

 private:
  const SentencePieceTokenizer& tokenizer_;
  bool skip_special_;
  PieceJoiner joiner_;
};

std::vector<TokenId> SentencePieceTokenizer::encode(std::string_view text,
                                                    bool added_tokens) const {
  std::vector<TokenId> ids;
  if (!added_tokens) {
    bpe_.encode(text, ids);
    return ids;
  }
  added_.split(text, [&](const TextSegment& segment) {
    if (segment.added >= 0) {
      ids.push_back(segment.added);
    } else {
      bpe_.encode(segment.text, ids);
    }
  });
  return ids;
}

std::unique_ptr<Detokenizer> SentencePieceTokenizer::detokenizer(bool skip_special) const {
  return std::make_unique<SentencePieceDetokenizer>(*this, skip_special);
}

void SentencePieceTokenizer::join(TokenId id, bool skip_special, PieceJoiner& joiner,
                                  std::string& out) const {
  std::optional<std::string_view> rest = vocabulary_.content(id);
  if (!rest || (skip_special && vocabulary_.is_special(id))) return;
  if (const int byte = byte_value(id); byte >= 0) {
    joiner.push_byte(static_cast<std::uint8_t>(byte), out);
    return;
  }
  joiner.end_run(out);
  for (std::size_t mark; (mark = rest->find(kSpaceMark)) != rest->npos;) {
    joiner.push_text(rest->substr(0, mark), out);
    joiner.push_text(" ", out);
    rest->remove_prefix(mark + kSpaceMark.size());
  }
  joiner.push_text(*rest, out);
}

// A byte token's byte, "▁" as a space; added tokens as they are.
std::string SentencePieceTokenizer::bytes_of(TokenId id) const {
  const std::optional<std::string_view> content = vocabulary_.content(id);
  if (!content) return {};
  if (const int byte = byte_value(id); byte >= 0) return std::string(1, static_cast<char>(byte));
  std::string text(*content);
  if (vocabulary_.is_added(id)) return text;
  for (std::size_t at = 0; (at = text.find(kSpaceMark, at)) != std::string::npos; ++at)
    text.replace(at, kSpaceMark.size(), " ");
  return text;
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> read_sentencepiece(const JsonReader& document) {
  OC_ASSIGN_OR_RETURN(SentencePieceSpec spec, read_sentencepiece_spec(document));
  return std::shared_ptr<const Tokenizer>(
      std::make_shared<const SentencePieceTokenizer>(std::move(spec)));
}

}  // namespace oc
