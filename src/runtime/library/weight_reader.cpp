#include "runtime/library/weight_reader.h"

#include <algorithm>

#include "base/system/threads.h"

namespace oc {

WeightReader::WeightReader(const MappedRanges& ranges, int threads) {
  constexpr std::size_t kBlockBytes = std::size_t{4} << 20;
  for (const auto& range : ranges)
    for (std::size_t at = 0; at < range.size(); at += kBlockBytes)
      blocks_.push_back(range.subspan(at, std::min(kBlockBytes, range.size() - at)));
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

WeightReader::~WeightReader() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
}

bool WeightReader::wait(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  const bool all = finished_.wait_for(lock, limit, [&] { return done_ == blocks_.size(); });
  hurry_ = false;
  return all;
}

void WeightReader::work() {
  bool hurry = true;
  for (std::size_t i; !stop_ && (i = next_.fetch_add(1)) < blocks_.size();) {
    if (hurry && !hurry_) {
      lower_thread_priority();
      hurry = false;
    }
    // Ahead of the other threads' pieces too.
    for (std::size_t ahead = i; ahead < std::min(i + 4, blocks_.size()); ++ahead)
      read_ahead(blocks_[ahead]);
    touch_pages(blocks_[i]);
    const std::lock_guard lock(mutex_);
    if (++done_ == blocks_.size()) finished_.notify_all();
  }
}

}  // namespace oc
