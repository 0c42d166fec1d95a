#include "text/tokenizer.h"

namespace oc {

std::vector<TokenId> Tokenizer::encode_with_bos(std::string_view text, bool added_tokens) const {
  std::vector<TokenId> ids = encode(text, added_tokens);
  if (const auto first = bos()) ids.insert(ids.begin(), *first);
  return ids;
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  std::string text;
  const std::unique_ptr<Detokenizer> decoding = detokenizer(skip_special);
  for (const TokenId id : ids) decoding->push(id, text);
  decoding->flush(text);
  return text;
}

std::string Tokenizer::first_bytes_of(TokenId id) const {
  std::string bytes = bytes_of(id);
  const std::string_view dropped = dropped_at_start();
  if (!is_special(id) && bytes.starts_with(dropped)) bytes.erase(0, dropped.size());
  return bytes;
}

std::string Detokenizer::push(TokenId id) {
  std::string out;
  push(id, out);
  return out;
}

std::string Detokenizer::flush() {
  std::string out;
  flush(out);
  return out;
}

std::vector<TokenId> ids_without_token(const Tokenizer& tokenizer, std::int64_t vocab_size) {
  std::vector<TokenId> ids;
  for (TokenId id = 0; id < vocab_size; ++id)
    if (!tokenizer.token(id)) ids.push_back(id);
  return ids;
}

}  // namespace oc
