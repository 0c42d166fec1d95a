#include "runtime/grammar/grammar.h"

#include <fmt/format.h>

#include <utility>

#include "base/clock.h"
#include "base/log.h"

namespace oc {
namespace {

constexpr std::size_t kMaxEntries = 64;

}  // namespace

#ifndef OC_HAS_XGRAMMAR
bool has_grammar_library() { return false; }

Result<std::unique_ptr<GrammarCompiler>> make_grammar_compiler(const GrammarVocabulary&) {
  return Error{ErrorCode::kUnsupported,
               "\"response_format\": this build has no grammar library, so answers cannot be kept "
               "to JSON",
               "build it with `make grammar build`, or ask for JSON in the prompt",
               "response_format"};
}
#endif

std::string GrammarCache::key_of(const std::string& scope, const std::string& schema) {
  std::string key = scope;
  key += '\0';
  key += schema;
  return key;
}

std::shared_ptr<const Grammar> GrammarCache::find(const std::string& scope,
                                                  const std::string& schema) {
  return known(key_of(scope, schema));
}

Result<std::shared_ptr<const Grammar>> GrammarCache::get(const std::string& scope,
                                                         const std::string& schema) {
  const std::string key = key_of(scope, schema);
  if (auto grammar = known(key)) return grammar;
  const std::lock_guard turn(compiling_);
  if (auto grammar = known(key)) return grammar;  // perhaps it was this one
  OC_ASSIGN_OR_RETURN(auto grammar, compile(schema));
  insert(key, grammar);
  return grammar;
}

Result<std::shared_ptr<const Grammar>> GrammarCache::compile(const std::string& schema) {
  const Stopwatch watch;
  if (compiler_ == nullptr) {
    OC_ASSIGN_OR_RETURN(compiler_, make_(vocabulary_));
  }
  OC_ASSIGN_OR_RETURN(auto grammar, compiler_->compile(schema));
  log::event(log::Level::kDebug, "grammar",
             {{"schema_bytes", schema.size()},
              {"kb", grammar->bytes() >> 10},
              log::rounded("ms", watch.ms(), 1)});
  return grammar;
}

std::shared_ptr<const Grammar> GrammarCache::known(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->grammar;
}

void GrammarCache::insert(const std::string& key, const std::shared_ptr<const Grammar>& grammar) {
  const std::size_t bytes = grammar->bytes() + key.size();
  if (bytes > max_bytes_) return;
  const std::lock_guard lock(mutex_);
  while (entries_.size() >= kMaxEntries || bytes_ + bytes > max_bytes_) {
    bytes_ -= entries_.back().bytes;
    by_key_.erase(entries_.back().key);
    entries_.pop_back();
  }
  entries_.push_front({key, grammar, bytes});
  by_key_[key] = entries_.begin();
  bytes_ += bytes;
}

std::size_t GrammarCache::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::size_t GrammarCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace oc
