// Keys of the latest pictures that the engine's thread has encoded and the image cache still has, a
// hint for the threads that preprocess: they leave these out. One that has left the cache by its
// turn is preprocessed then.
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/cache/image_cache.h"

namespace oc {

class RecentEncodings {
 public:
  // Engine thread: these were encoded.
  void remember(const std::vector<std::string>& keys, const ImageCache& cache);
  bool contains(const std::string& key) const;  // any thread

 private:
  mutable std::mutex mutex_;
  std::deque<std::string> keys_;
};

}  // namespace oc
