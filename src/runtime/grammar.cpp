#include "runtime/grammar.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "base/clock.h"
#include "base/log.h"

namespace oc {
namespace {

constexpr std::size_t kMostEntries = 64;
constexpr std::chrono::seconds kPatience{1};  // for another schema

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

Result<std::shared_ptr<const Grammar>> GrammarCache::get(const std::string& scope,
                                                         const std::string& schema) {
  std::string key = scope;
  key += '\0';
  key += schema;
  {
    std::unique_lock lock(mutex_);
    if (auto known = find(key)) return known;
    if (!compiled_.wait_for(lock, kPatience, [this] { return !compiling_; }))
      return Error{ErrorCode::kQueueFull,
                   "\"response_format\": another JSON schema is being compiled, which takes long",
                   "try again later"};
    if (auto known = find(key)) return known;  // perhaps it was this one
    compiling_ = true;
  }
  // Whatever happens, the next one may.
  const std::shared_ptr<void> turn(nullptr, [this](void*) {
    const std::lock_guard lock(mutex_);
    compiling_ = false;
    compiled_.notify_all();
  });
  OC_ASSIGN_OR_RETURN(auto grammar, compile(schema));
  const std::lock_guard lock(mutex_);
  insert(key, grammar);
  return grammar;
}

Result<std::shared_ptr<const Grammar>> GrammarCache::compile(const std::string& schema) {
  const Stopwatch watch;
  if (compiler_ == nullptr) {
    OC_ASSIGN_OR_RETURN(compiler_, make_grammar_compiler(vocabulary_));
  }
  OC_ASSIGN_OR_RETURN(auto grammar, compiler_->compile(schema));
  log::event(log::Level::kDebug, "grammar",
             {{"schema_bytes", schema.size()},
              {"kb", grammar->bytes() >> 10},
              {"ms", fmt::format("{:.1f}", watch.ms())}});
  return grammar;
}

// Holding the lock.
std::shared_ptr<const Grammar> GrammarCache::find(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->grammar;
}

// Holding the lock.
void GrammarCache::insert(const std::string& key, const std::shared_ptr<const Grammar>& grammar) {
  const std::size_t bytes = grammar->bytes() + key.size();
  if (bytes > most_bytes_) return;
  while (entries_.size() >= kMostEntries || bytes_ + bytes > most_bytes_) {
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
