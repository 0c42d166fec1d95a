// Names that are read from the disk, kept for a moment: a folder of thousands is not read for each
// who asks.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace oc::http {

// Any thread. get() may read the disk; one reads, others wait for it.
class CachedNames {
 public:
  using Clock = std::chrono::steady_clock;
  using Read = std::function<std::vector<std::string>()>;

  // Names are at most `age` old, or ten times as old as it takes to read them, if that is longer.
  explicit CachedNames(Read read, std::chrono::milliseconds age = std::chrono::milliseconds(1000))
      : read_(std::move(read)), age_(age) {}

  std::vector<std::string> get() {
    const std::lock_guard lock(mutex_);
    if (const auto begin = Clock::now(); !until_ || begin >= *until_) {
      names_ = read_();
      const auto end = Clock::now();
      until_ = end + std::max<Clock::duration>(age_, 10 * (end - begin));
    }
    return names_;
  }
  // They are read anew for the next who asks.
  void forget() {
    const std::lock_guard lock(mutex_);
    until_.reset();
  }

 private:
  const Read read_;
  const std::chrono::milliseconds age_;
  std::mutex mutex_;
  std::vector<std::string> names_;
  std::optional<Clock::time_point> until_;
};

}  // namespace oc::http
