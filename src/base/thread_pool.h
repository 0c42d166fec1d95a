// A few threads that live as long as their owner. One parallel region at a time; workers spin
// briefly before they sleep, because the next region usually follows within microseconds.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace oc {

class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // the caller counts as one of them
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(item, thread) for every item in [0, items), thread in [0, threads()). A thread takes
  // its own share in order, item by item (what lies behind one item is worth fetching for the
  // next), then helps with the others'. Returns when all are done. Not reentrant. body must not
  // throw.
  void run(std::int64_t items, const std::function<void(std::int64_t item, int thread)>& body);

 private:
  void work(int thread);
  void take_items(int thread);

  std::vector<std::thread> workers_;
  const std::function<void(std::int64_t, int)>* body_ = nullptr;
  struct alignas(64) Share {
    std::atomic<std::int64_t> next{0};
    std::int64_t end = 0;
  };
  std::vector<Share> shares_;             // one a thread
  std::atomic<std::uint64_t> region_{0};  // counts up when a region begins
  std::atomic<int> busy_{0};              // workers still in the region
  std::atomic<bool> stop_{false};
  std::atomic<int> sleeping_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
};

}  // namespace oc
