#include "runtime/serving/recent_encodings.h"

#include <algorithm>

namespace oc {

void RecentEncodings::remember(const std::vector<std::string>& keys, const ImageCache& cache) {
  constexpr std::size_t kMaxKeys = 256;
  const std::lock_guard lock(mutex_);
  std::erase_if(keys_, [&](const std::string& key) { return !cache.contains(key); });
  for (const std::string& key : keys) {
    std::erase(keys_, key);
    if (!cache.contains(key)) continue;
    keys_.push_back(key);
    if (keys_.size() > kMaxKeys) keys_.pop_front();
  }
}

bool RecentEncodings::contains(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::find(keys_, key) != keys_.end();
}

}  // namespace oc
