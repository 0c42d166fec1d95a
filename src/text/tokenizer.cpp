#include "text/tokenizer.h"

#include <fmt/format.h>

#include <fstream>
#include <system_error>
#include <utility>

#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/tokenizer_json.h"
#include "text/vocabulary.h"

namespace oc {
namespace {

constexpr std::uintmax_t kMaxFileBytes = 64u << 20;      // the largest in use are about 33 MB
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581, "▁"

Result<std::string> read_whole(const std::filesystem::path& path) {
  std::error_code status;
  const std::uintmax_t size = std::filesystem::file_size(path, status);
  if (status) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("{}: cannot be read: {}", path.string(), status.message())};
  }
  if (size > kMaxFileBytes) {
    return Error{ErrorCode::kTooLarge, fmt::format("{}: {} bytes; the limit for a tokenizer is {}",
                                                   path.string(), size, kMaxFileBytes)};
  }
  std::string text(size, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(text.data(), static_cast<std::streamsize>(size))) {
    return Error{ErrorCode::kNotFound, fmt::format("{}: cannot be read", path.string())};
  }
  return text;
}

}  // namespace

struct Tokenizer::Impl {
  explicit Impl(TokenizerSpec spec)
      : vocabulary(std::move(spec.vocabulary)),
        bpe(vocabulary, std::move(spec.merges), spec.bytes),
        added(std::move(spec.added)),
        bos(spec.bos) {}

  // One token of a decoded sequence.
  void join(TokenId id, bool skip_special, PieceJoiner& joiner, std::string& out) const {
    std::optional<std::string_view> rest = vocabulary.content(id);
    if (!rest || (skip_special && vocabulary.is_special(id))) return;
    if (const int byte = vocabulary.byte_value(id); byte >= 0) {
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

  Vocabulary vocabulary;
  Bpe bpe;
  AddedTokens added;
  TokenId bos;
};

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::~Tokenizer() = default;

Result<std::shared_ptr<const Tokenizer>> Tokenizer::load(const std::filesystem::path& path) {
  OC_ASSIGN_OR_RETURN(const std::string text, read_whole(path));
  return parse(text, path.string());
}

Result<std::shared_ptr<const Tokenizer>> Tokenizer::parse(std::string_view json,
                                                          std::string_view what) {
  OC_ASSIGN_OR_RETURN(TokenizerSpec spec, parse_tokenizer_json(json, what));
  return std::shared_ptr<const Tokenizer>(new Tokenizer(std::make_unique<Impl>(std::move(spec))));
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, bool added_tokens) const {
  std::vector<TokenId> ids;
  if (!added_tokens) {
    impl_->bpe.encode(text, ids);
    return ids;
  }
  for (const TextSegment& segment : impl_->added.split(text)) {
    if (segment.added >= 0) {
      ids.push_back(segment.added);
    } else {
      impl_->bpe.encode(segment.text, ids);
    }
  }
  return ids;
}

std::size_t Tokenizer::normalised_bytes(std::string_view text) const {
  return Bpe::normalised_bytes(text);
}
std::size_t Tokenizer::longest_token() const { return impl_->bpe.longest_token(); }
std::size_t Tokenizer::encode_memory(std::string_view text) const {
  return Bpe::memory(impl_->bpe.longest_piece(text));
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  std::string text;
  PieceJoiner joiner;
  for (const TokenId id : ids) impl_->join(id, skip_special, joiner, text);
  joiner.end_run(text);
  return text;
}

std::optional<TokenId> Tokenizer::id_of(std::string_view content) const {
  return impl_->vocabulary.find(content);
}
std::optional<std::string_view> Tokenizer::token(TokenId id) const {
  return impl_->vocabulary.content(id);
}
std::string Tokenizer::bytes_of(TokenId id) const {
  if (const int byte = impl_->vocabulary.byte_value(id); byte >= 0)
    return std::string(1, static_cast<char>(byte));
  std::string text(token(id).value_or(""));
  if (impl_->vocabulary.is_added(id)) return text;
  for (std::size_t at = 0; (at = text.find(kSpaceMark, at)) != std::string::npos; ++at)
    text.replace(at, kSpaceMark.size(), " ");
  return text;
}
bool Tokenizer::is_special(TokenId id) const { return impl_->vocabulary.is_special(id); }
bool Tokenizer::has_rstrip(TokenId id) const { return impl_->vocabulary.has_rstrip(id); }
TokenId Tokenizer::bos() const { return impl_->bos; }
TokenId Tokenizer::vocab_size() const { return impl_->vocabulary.id_limit(); }

std::vector<TokenId> ids_without_token(const Tokenizer& tokenizer, std::int64_t vocab_size) {
  std::vector<TokenId> ids;
  for (TokenId id = 0; id < vocab_size; ++id)
    if (!tokenizer.token(id)) ids.push_back(id);
  return ids;
}

Detokenizer::Detokenizer(std::shared_ptr<const Tokenizer> tokenizer, bool skip_special)
    : tokenizer_(std::move(tokenizer)), skip_special_(skip_special) {}

std::string Detokenizer::push(TokenId id) {
  std::string piece;
  tokenizer_->impl_->join(id, skip_special_, joiner_, piece);
  return piece;
}

std::string Detokenizer::flush() {
  std::string piece;
  joiner_.end_run(piece);
  return piece;
}

}  // namespace oc
