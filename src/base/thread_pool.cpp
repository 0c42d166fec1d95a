#include "base/thread_pool.h"

#include <algorithm>

namespace oc {
namespace {

constexpr int kSpins = 4000;  // some ten microseconds

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

ThreadPool::ThreadPool(int threads) : shares_(static_cast<std::size_t>(std::max(threads, 1))) {
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  {
    const std::lock_guard lock(mutex_);
    region_.fetch_add(1);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::take_items(int thread) {
  const auto count = static_cast<int>(shares_.size());
  for (int i = 0; i < count; ++i) {
    Share& share = shares_[static_cast<std::size_t>((thread + i) % count)];
    for (std::int64_t item;
         (item = share.next.fetch_add(1, std::memory_order_relaxed)) < share.end;)
      (*body_)(item, thread);
  }
}

void ThreadPool::run(std::int64_t items, const std::function<void(std::int64_t, int)>& body) {
  if (items <= 0) return;
  if (workers_.empty() || items == 1) {
    for (std::int64_t item = 0; item < items; ++item) body(item, 0);
    return;
  }
  body_ = &body;
  const auto count = static_cast<std::int64_t>(shares_.size());
  for (std::int64_t i = 0; i < count; ++i) {
    Share& share = shares_[static_cast<std::size_t>(i)];
    share.next.store(i * items / count, std::memory_order_relaxed);
    share.end = (i + 1) * items / count;
  }
  busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  region_.fetch_add(1);  // publishes the region
  if (sleeping_.load() > 0) {
    {
      const std::lock_guard lock(mutex_);
    }  // a worker that is about to sleep has seen the region, or waits
    wake_.notify_all();
  }
  take_items(0);
  for (int spins = 0; busy_.load(std::memory_order_acquire) > 0; ++spins) {
    if (spins < kSpins)
      pause();
    else
      std::this_thread::yield();
  }
}

void ThreadPool::work(int thread) {
  for (std::uint64_t seen = 0;;) {
    for (int spins = 0; region_.load(std::memory_order_acquire) == seen && spins < kSpins; ++spins)
      pause();
    if (region_.load() == seen) {
      std::unique_lock lock(mutex_);
      sleeping_.fetch_add(1);
      wake_.wait(lock, [&] { return region_.load() != seen; });
      sleeping_.fetch_sub(1);
    }
    seen = region_.load();
    if (stop_) return;
    take_items(thread);
    busy_.fetch_sub(1, std::memory_order_acq_rel);
  }
}

}  // namespace oc
