// Prompts and answers that were computed lately, with their keys and values: a request that begins
// with the same tokens and pictures goes on from there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "models/prompt_blocks.h"
#include "ops/kv_cache.h"
#include "text/tokenizer.h"

namespace oc {

// A sequence as the cache compares it. Ids of picture rows are negative (Prompt); row r belongs to
// the picture whose rows it falls among.
struct PrefixKey {
  std::string scope;  // only sequences of one scope are shared
  std::vector<TokenId> ids;
  std::vector<std::string> pictures;    // digests of what was encoded, in order
  std::vector<std::int64_t> rows;       // embeddings of each
  int regime = 0;                       // Model::position_regime
  std::vector<TokenRange> blocks = {};  // Prompt::blocks: given out whole, or not at all
};

// Engine thread only, but for shared(). Bounded in bytes, least recently used first out.
class PrefixCache {
 public:
  explicit PrefixCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // A sequence of the longest cached beginning of `key`, at most `max_tokens` tokens; null when
  // nothing is shared.
  std::unique_ptr<KvSequence> find(const PrefixKey& key, std::int64_t max_tokens);
  // How many tokens find() would give; any thread, and no use of them.
  std::int64_t shared(const PrefixKey& key, std::int64_t max_tokens) const;
  // Keeps the first kv->length() tokens of `key`, which divide no block. Beginnings of it that were
  // kept are dropped.
  void insert(PrefixKey key, std::unique_ptr<KvSequence> kv);

  bool drop_oldest();  // false when there is nothing
  void shrink_to(std::size_t bytes);
  std::size_t bytes() const { return bytes_; }  // blocks shared between entries counted for each
  std::size_t max_bytes() const { return max_bytes_; }
  std::size_t entries() const { return entries_.size(); }
  std::uint64_t hits() const { return hits_; }
  std::uint64_t misses() const { return misses_; }

 private:
  struct Entry {
    PrefixKey key;
    std::unique_ptr<KvSequence> kv;
    std::size_t bytes = 0;
  };
  static std::int64_t common(const PrefixKey& a, const PrefixKey& b, std::int64_t limit);
  std::pair<std::list<Entry>::const_iterator, std::int64_t> longest(const PrefixKey& key,
                                                                    std::int64_t max_tokens) const;
  void drop(std::list<Entry>::iterator entry);

  mutable std::mutex mutex_;  // guards entries_, which the engine's thread alone changes
  std::size_t max_bytes_, bytes_ = 0;
  std::uint64_t hits_ = 0, misses_ = 0;
  std::list<Entry> entries_;  // latest use first
};

}  // namespace oc
