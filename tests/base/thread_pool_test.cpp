// Regions: every item once, by a thread of the pool, finished when run returns.
#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>
#include <set>

namespace oc {
namespace {

TEST(ThreadPool, EveryItemOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (const std::int64_t items : {0, 1, 2, 3, 7, 8, 9, 100, 1000}) {
      // Not atomic: what a region wrote is visible after run, and no two threads share an item.
      std::vector<int> times(static_cast<std::size_t>(items));
      pool.run(items, [&](std::int64_t item, int thread) {
        ASSERT_GE(thread, 0);
        ASSERT_LT(thread, threads);
        ++times[static_cast<std::size_t>(item)];
      });
      for (const int count : times) ASSERT_EQ(count, 1) << items << " items, " << threads;
    }
  }
}

TEST(ThreadPool, NoItemsNoCalls) {
  ThreadPool pool(2);
  int calls = 0;
  for (const std::int64_t items : {std::int64_t{0}, std::int64_t{-1}})
    pool.run(items, [&](std::int64_t, int) { ++calls; });
  EXPECT_EQ(calls, 0);
}

TEST(ThreadPool, AThreadNumberIsOneThreadsAtATime) {
  // Kernels take their scratch by it.
  ThreadPool pool(4);
  std::atomic<int> inside[4] = {};
  std::atomic<int> shared{0};
  for (int region = 0; region < 50; ++region)
    pool.run(40, [&](std::int64_t, int thread) {
      if (inside[thread].fetch_add(1) != 0) shared.fetch_add(1);
      inside[thread].fetch_sub(1);
    });
  EXPECT_EQ(shared, 0);
}

TEST(ThreadPool, ManyRegionsInARow) {
  ThreadPool pool(3);
  std::vector<std::int64_t> sums(5);
  for (std::int64_t region = 0; region < 1000; ++region)
    pool.run(5, [&](std::int64_t item, int) { sums[static_cast<std::size_t>(item)] += region; });
  for (const std::int64_t sum : sums) EXPECT_EQ(sum, 1000 * 999 / 2);
}

TEST(ThreadPool, WorkersThatSleepWakeUp) {
  ThreadPool pool(3);
  for (int region = 0; region < 20; ++region) {
    // Longer than workers spin.
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    std::atomic<int> done{0};
    pool.run(6, [&](std::int64_t, int) { done.fetch_add(1); });
    ASSERT_EQ(done, 6);
  }
}

TEST(ThreadPool, SeveralThreadsShareARegion) {
  // Two items that wait for each other: only two threads can finish them.
  ThreadPool pool(2);
  std::atomic<int> arrived{0};
  std::set<int> seen;
  std::mutex mutex;
  pool.run(2, [&](std::int64_t, int thread) {
    arrived.fetch_add(1);
    while (arrived.load() < 2) std::this_thread::yield();
    const std::lock_guard lock(mutex);
    seen.insert(thread);
  });
  EXPECT_EQ(seen, (std::set<int>{0, 1}));
}

TEST(ThreadPool, PoolsComeAndGo) {
  for (int i = 0; i < 20; ++i) {
    ThreadPool pool(3);
    if (i % 2) {
      std::atomic<int> done{0};
      pool.run(3, [&](std::int64_t, int) { done.fetch_add(1); });
      EXPECT_EQ(done, 3);
    }
  }
}

}  // namespace
}  // namespace oc
