// Answers that keep to a JSON schema: a mask for each next token, by the library xgrammar
// (docs/grammar.md says why). Its types stay in grammar/xgrammar.cpp; where the build has not got
// it, make_grammar_compiler() says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>

#include "base/result.h"
#include "text/tokenizer.h"

namespace oc {

// Where one answer stands in its grammar. One thread.
class GrammarMatcher {
 public:
  virtual ~GrammarMatcher() = default;
  // A bit for each id (id 0 is the lowest of the first word) that may come next; stop ids where the
  // answer may end. Valid until the next call. At least one is set.
  virtual std::span<const std::uint32_t> allowed() = 0;
  virtual void accept(TokenId id) = 0;  // one that was allowed, no stop id
  virtual bool complete() const = 0;    // the answer may end here
  virtual std::unique_ptr<GrammarMatcher> fork() const = 0;
};

// A compiled schema, for one vocabulary. Const, any thread.
class Grammar {
 public:
  virtual ~Grammar() = default;
  virtual std::unique_ptr<GrammarMatcher> start() const = 0;
  virtual std::size_t bytes() const = 0;
};

// For one vocabulary. One thread at a time.
class GrammarCompiler {
 public:
  virtual ~GrammarCompiler() = default;
  // `schema` as enforceable_schema() returns it; "": any JSON object. kUnsupported where the
  // library would ignore a part of it.
  virtual Result<std::shared_ptr<const Grammar>> compile(const std::string& schema) = 0;
};

// What a model's answers are made of; `tokenizer` must outlive its use in a cache.
struct GrammarVocabulary {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::int64_t size = 0;  // V, width of the logits
  std::vector<TokenId> stop_ids;
};

bool has_grammar_library();
// kUnsupported without the library.
Result<std::unique_ptr<GrammarCompiler>> make_grammar_compiler(const GrammarVocabulary& vocabulary);

using MakeGrammarCompiler =
    std::function<Result<std::unique_ptr<GrammarCompiler>>(const GrammarVocabulary&)>;

// Compiled schemas of one model, the latest used ones. Any thread; one compiles at a time, so that
// schemas take one core at most. `make`: another compiler than the library's, for tests.
class GrammarCache {
 public:
  static constexpr std::size_t kDefaultBytes = 64u << 20;

  explicit GrammarCache(GrammarVocabulary vocabulary, std::size_t max_bytes = kDefaultBytes,
                        MakeGrammarCompiler make = make_grammar_compiler)
      : vocabulary_(std::move(vocabulary)), max_bytes_(max_bytes), make_(std::move(make)) {}

  // Schemas are shared between requests of one scope only.
  std::shared_ptr<const Grammar> find(const std::string& scope,
                                      const std::string& schema);  // or null
  // Compiles what is not known. Nothing can interrupt it: whoever has others to serve calls it on a
  // thread of its own.
  Result<std::shared_ptr<const Grammar>> get(const std::string& scope, const std::string& schema);
  std::size_t entries() const;
  std::size_t bytes() const;

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const Grammar> grammar;
    std::size_t bytes;
  };
  static std::string key_of(const std::string& scope, const std::string& schema);
  Result<std::shared_ptr<const Grammar>> compile(const std::string& schema);
  std::shared_ptr<const Grammar> known(const std::string& key);
  void insert(const std::string& key, const std::shared_ptr<const Grammar>& grammar);

  const GrammarVocabulary vocabulary_;
  const std::size_t max_bytes_;
  const MakeGrammarCompiler make_;
  std::mutex compiling_;  // guards compiler_; taken before mutex_
  std::unique_ptr<GrammarCompiler> compiler_;
  mutable std::mutex mutex_;  // guards what follows
  std::size_t bytes_ = 0;
  std::list<Entry> entries_;  // latest used first
  std::unordered_map<std::string, std::list<Entry>::iterator> by_key_;
};

}  // namespace oc
