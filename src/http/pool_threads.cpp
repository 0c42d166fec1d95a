#include "http/pool_threads.h"

#include <algorithm>

namespace oc::http {

PoolThreads::PoolThreads(int count, const std::function<void()>& run) {
  for (int i = 0; i < count; ++i) threads_.emplace_back(run);
}

void PoolThreads::join() {
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

void PoolThreads::join_or_let_go() {
  const bool on_one_of_these = std::ranges::any_of(threads_, [](const std::thread& thread) {
    return thread.get_id() == std::this_thread::get_id();
  });
  if (!on_one_of_these) return join();
  for (std::thread& thread : threads_) thread.detach();
}

}  // namespace oc::http
