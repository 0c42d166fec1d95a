// A tokenizer: from text to the ids of a model's vocabulary and back. Of what depends on its kind
// (how a space is written, what a text begins with, which tokens are bytes) nobody else knows; it
// is asked here. Each kind is a room of this folder; registry.h picks one by the tokenizer.json.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace oc {

using TokenId = std::int32_t;

class Detokenizer;

// Ids equal those of Hugging Face tokenizers with the file as shipped (transformers 4). Const, any
// thread.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // Ids of `text` without BOS. With added_tokens, the text's "<|end|>" and the like become control
  // tokens (trusted text: templates); without, every byte is ordinary text (what users type) and no
  // id of an added token can come out, but of one that is white space alone and not special: it
  // means nothing else. The text may hold any bytes; one that the vocabulary has no token for is
  // spelled by others or left out, as the reference does. decode() gives a text of ids back as it
  // was, where it is UTF-8 and the vocabulary has all of its bytes. O(n log n); at most 1 GiB
  // (OC_CHECK).
  virtual std::vector<TokenId> encode(std::string_view text, bool added_tokens) const = 0;
  // As the reference encodes a text by itself: behind BOS, where it has one.
  std::vector<TokenId> encode_with_bos(std::string_view text, bool added_tokens) const;

  // Of plain text, without tokenising it. A text of so many normalised_bytes() (those of its parts
  // add up) has at least bytes / longest_token() ids, rounded up: a text of which that is already
  // too many need not be tokenised.
  virtual std::size_t normalised_bytes(std::string_view text) const = 0;
  virtual std::size_t longest_token() const = 0;
  // What encode() takes for a text, beside the ids, at most.
  virtual std::size_t encode_memory(std::string_view text) const = 0;

  // Text of `ids`: broken UTF-8 becomes U+FFFD, ids without a token vanish; with skip_special,
  // tokens marked special are left out.
  std::string decode(std::span<const TokenId> ids, bool skip_special) const;
  // The same, token by token. It must not outlive the tokenizer.
  virtual std::unique_ptr<Detokenizer> detokenizer(bool skip_special) const = 0;

  // The id of an added or ordinary token by its exact content ("<|end|>").
  virtual std::optional<TokenId> id_of(std::string_view content) const = 0;
  // The token's content, as the kind writes it; nullopt for ids without a token.
  virtual std::optional<std::string_view> token(TokenId id) const = 0;
  // What the token adds to a text that has begun: perhaps no whole code point. Empty for ids
  // without a token.
  virtual std::string bytes_of(TokenId id) const = 0;
  // What it adds to an empty text.
  std::string first_bytes_of(TokenId id) const;
  // What decode() leaves out where a text begins with it; empty where it leaves out nothing.
  virtual std::string_view dropped_at_start() const = 0;

  virtual bool is_special(TokenId id) const = 0;  // an added token that is marked special
  // How many bytes of a text the added token in front of it swallows (white space, where it is
  // marked rstrip): they are no part of what is encoded behind it.
  virtual std::size_t swallowed_behind(TokenId id, std::string_view text) const = 0;
  // What the reference puts in front of a text ("<s>"), if anything.
  virtual std::optional<TokenId> bos() const = 0;
  virtual TokenId vocab_size() const = 0;  // largest id + 1
};

// Incremental Tokenizer::decode(): what push() and flush() append adds up to decode() of all ids at
// once; no piece ends inside a UTF-8 code point. One thread.
class Detokenizer {
 public:
  virtual ~Detokenizer() = default;

  virtual void push(TokenId id, std::string& out) = 0;
  // No more ids: what waits for its continuation comes out, broken bytes as U+FFFD.
  virtual void flush(std::string& out) = 0;
  // What flush() would append now.
  virtual std::string waiting() const = 0;

  std::string push(TokenId id);
  std::string flush();
};

// Ids below `vocab_size` that the tokenizer has no token for: rows of the head that mean nothing.
std::vector<TokenId> ids_without_token(const Tokenizer& tokenizer, std::int64_t vocab_size);

}  // namespace oc
