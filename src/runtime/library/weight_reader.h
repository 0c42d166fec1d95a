// Reads mapped weights into memory beside the thread that waits for them, or beside whoever
// computes.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "io/residency.h"

namespace oc {

class WeightReader {
 public:
  // Begins at once, on `threads` threads. The ranges must outlive it.
  WeightReader(const MappedRanges& ranges, int threads);
  ~WeightReader();  // stops within a piece (4 MiB)
  WeightReader(const WeightReader&) = delete;
  WeightReader& operator=(const WeightReader&) = delete;

  // → whether everything is in memory. After `limit` it is no longer in a hurry: the threads go on
  // with what the machine has left over. Any thread.
  bool wait(std::chrono::milliseconds limit);

 private:
  void work();

  MappedRanges blocks_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> stop_{false}, hurry_{true};
  std::mutex mutex_;
  std::condition_variable finished_;
  std::size_t done_ = 0;  // pieces; mutex_
  std::vector<std::thread> threads_;
};

}  // namespace oc
