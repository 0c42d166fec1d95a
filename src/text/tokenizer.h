// The tokenizer.json of Llama-style models: byte-fallback BPE over "▁"-prefixed segments, with
// added tokens matched on the raw text first. Ids equal those of Hugging Face tokenizers with the
// file as shipped (transformers 4). Const after load, any thread. Files that need another
// normalizer, pre-tokenizer, post-processor, decoder or model are refused, never approximated.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/piece_joiner.h"

namespace oc {

using TokenId = std::int32_t;

class Tokenizer {
 public:
  static Result<std::shared_ptr<const Tokenizer>> load(const std::filesystem::path& tokenizer_json);
  // `what` names the document in errors: `tokenizer.json: "model.merges[12]" …`. kCorrupt for a
  // document that contradicts itself, kUnsupported for one that is beyond this class.
  static Result<std::shared_ptr<const Tokenizer>> parse(std::string_view json,
                                                        std::string_view what);
  ~Tokenizer();

  // Ids of `text` without BOS. With added_tokens, the text's "<|end|>" and the like become control
  // tokens (trusted text: templates); without, every byte is ordinary text (what users type) and no
  // id of an added token can come out: parse() refuses files whose merges, bytes or characters lead
  // to one. The text may hold any bytes: those that are not UTF-8 become their byte tokens.
  // O(n log n); at most 1 GiB (OC_CHECK).
  std::vector<TokenId> encode(std::string_view text, bool added_tokens) const;

  // Of plain text, without tokenising it. A text of so many normalised_bytes() (those of its parts
  // add up) has at least bytes / longest_token() ids, rounded up: a text of which that is already
  // too many need not be tokenised.
  std::size_t normalised_bytes(std::string_view text) const;
  std::size_t longest_token() const;
  // What encode() takes for a text, beside the ids, at most. It grows with the longest stretch
  // without a space.
  std::size_t encode_memory(std::string_view text) const;

  // Text of `ids`: byte fallback fused (broken UTF-8 becomes U+FFFD), "▁" to space, one leading
  // space dropped, ids without a token vanish; with skip_special, tokens marked special are left
  // out.
  std::string decode(std::span<const TokenId> ids, bool skip_special) const;

  // The id of an added or ordinary token by its exact content ("<|end|>").
  std::optional<TokenId> id_of(std::string_view content) const;
  // The token's content; nullopt for ids without a token.
  std::optional<std::string_view> token(TokenId id) const;
  // What the token adds to a text: a byte token's byte, "▁" as a space; as it is for added tokens.
  // Empty for ids without a token.
  std::string bytes_of(TokenId id) const;
  bool is_special(TokenId id) const;  // an added token that is marked special
  bool has_rstrip(TokenId id) const;  // an added token that swallows the white space after it
  TokenId bos() const;                // what the post-processor puts in front ("<s>")
  TokenId vocab_size() const;         // largest id + 1

 private:
  friend class Detokenizer;
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Ids below `vocab_size` that the tokenizer has no token for: rows of the head that mean nothing.
std::vector<TokenId> ids_without_token(const Tokenizer& tokenizer, std::int64_t vocab_size);

// Incremental decode(…, skip_special): the concatenation of all push() results and flush() equals
// decode() of all ids at once; no returned piece ends inside a UTF-8 code point. Byte tokens wait
// until their run ends, since decode() makes all of a run U+FFFD if any byte of it is wrong
// (piece_joiner.h); this includes the newline, which is a byte token. One thread.
class Detokenizer {
 public:
  explicit Detokenizer(std::shared_ptr<const Tokenizer> tokenizer, bool skip_special = true);
  std::string push(TokenId id);
  std::string flush();  // bytes still waiting for their continuation come out as U+FFFD

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  bool skip_special_;
  PieceJoiner joiner_;
};

}  // namespace oc
