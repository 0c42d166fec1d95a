#include "runtime/cache/prefix_cache.h"

#include <algorithm>
#include <iterator>

namespace oc {
namespace {

// Which picture an embedding row belongs to, and which of its rows it is.
struct Place {
  std::size_t picture = 0;
  std::int64_t row = 0;
};
Place place_of(const PrefixKey& key, TokenId id) {
  Place place{0, -1 - std::int64_t{id}};
  while (place.picture < key.rows.size() && place.row >= key.rows[place.picture])
    place.row -= key.rows[place.picture++];
  return place;
}

}  // namespace

// Tokens that both begin with and whose keys and values are the same, `limit` at most.
std::int64_t PrefixCache::common(const PrefixKey& a, const PrefixKey& b, std::int64_t limit) {
  if (a.scope != b.scope || a.regime != b.regime) return 0;
  const std::size_t end = std::min({a.ids.size(), b.ids.size(), static_cast<std::size_t>(limit)});
  std::size_t n = 0;
  for (; n < end; ++n) {
    const TokenId x = a.ids[n], y = b.ids[n];
    if (x >= 0 || y >= 0) {
      if (x != y) break;
      continue;
    }
    const Place p = place_of(a, x), q = place_of(b, y);
    if (p.row != q.row || p.picture >= a.pictures.size() || q.picture >= b.pictures.size() ||
        a.pictures[p.picture] != b.pictures[q.picture])
      break;
  }
  return undivided_prefix(a.blocks, b.blocks, static_cast<std::int64_t>(n));
}

std::pair<std::list<PrefixCache::Entry>::const_iterator, std::int64_t> PrefixCache::longest(
    const PrefixKey& key, std::int64_t max_tokens) const {
  auto best = entries_.end();
  std::int64_t longest = 0;
  for (auto it = entries_.begin(); it != entries_.end(); ++it) {
    const std::int64_t shared = common(key, it->key, std::min(it->kv->length(), max_tokens));
    if (shared <= longest) continue;
    longest = shared;
    best = it;
  }
  return {best, longest};
}

std::int64_t PrefixCache::shared(const PrefixKey& key, std::int64_t max_tokens) const {
  const std::lock_guard lock(mutex_);
  return longest(key, max_tokens).second;
}

std::unique_ptr<KvSequence> PrefixCache::find(const PrefixKey& key, std::int64_t max_tokens) {
  const auto [best, tokens] = longest(key, max_tokens);
  ++(best == entries_.end() ? misses_ : hits_);
  if (best == entries_.end()) return nullptr;
  {
    const std::lock_guard lock(mutex_);
    entries_.splice(entries_.begin(), entries_, best);
  }
  return best->kv->fork(tokens);
}

void PrefixCache::insert(PrefixKey key, std::unique_ptr<KvSequence> kv) {
  const std::int64_t length = kv->length();
  key.ids.resize(std::min(key.ids.size(), static_cast<std::size_t>(length)));
  std::erase_if(key.blocks, [&](const TokenRange& block) { return block.begin >= length; });
  check_blocks(key.blocks, length);
  const std::size_t bytes = kv->bytes();
  if (length == 0 || bytes > max_bytes_) return;
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto next = std::next(it);
    if (const std::int64_t kept = std::ssize(it->key.ids); common(key, it->key, kept) == kept)
      drop(it);
    it = next;
  }
  shrink_to(max_bytes_ - bytes);
  bytes_ += bytes;
  const std::lock_guard lock(mutex_);
  entries_.push_front({std::move(key), std::move(kv), bytes});
}

bool PrefixCache::drop_oldest() {
  if (entries_.empty()) return false;
  drop(std::prev(entries_.end()));
  return true;
}

void PrefixCache::shrink_to(std::size_t bytes) {
  while (bytes_ > bytes && drop_oldest()) {
  }
}

void PrefixCache::drop(std::list<Entry>::iterator entry) {
  bytes_ -= entry->bytes;
  std::list<Entry> dropped;  // freed without the lock
  const std::lock_guard lock(mutex_);
  dropped.splice(dropped.begin(), entries_, entry);
}

}  // namespace oc
