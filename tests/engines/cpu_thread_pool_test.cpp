// Regions: every item once, by a thread of the pool, finished when run returns.
#include "engines/cpu/thread_pool.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <numeric>
#include <set>

namespace oc {
namespace {

namespace fs = std::filesystem;

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

#ifdef __linux__
TEST(UsableCores, FollowTheAffinityMask) {
  const int all = usable_cores();
  EXPECT_GE(all, 1);
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_LE(all, CPU_COUNT(&before));
  EXPECT_EQ(static_cast<int>(affinity_cpus().size()), CPU_COUNT(&before));
  std::size_t first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(affinity_cpus(), std::vector<int>{static_cast<int>(first)});
  EXPECT_EQ(usable_cores(), 1);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(usable_cores(), all);
}
#endif

// A sysfs of four cores with two threads each: CPU n and n + 4, as Intel numbers them, or 2n and
// 2n + 1.
class FakeSysfs : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(testing::TempDir()) / ("ocellus-sysfs-" + std::to_string(getpid()));
    fs::remove_all(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const fs::path& file, std::string_view text) const {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  void add_cpu(int cpu, std::string_view siblings) const {
    write("devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list",
          siblings);
  }
  void add_pairs_apart() const {
    for (int cpu = 0; cpu < 8; ++cpu)
      add_cpu(cpu, std::to_string(cpu % 4) + "," + std::to_string(cpu % 4 + 4) + "\n");
  }

  fs::path root_;
};

TEST_F(FakeSysfs, SiblingsCountOnce) {
  add_pairs_apart();
  EXPECT_EQ(usable_cores({0, 1, 2, 3, 4, 5, 6, 7}, root_), 4);
  EXPECT_EQ(usable_cores({0, 1, 2, 3}, root_), 4);  // one thread of each
  EXPECT_EQ(usable_cores({4, 5}, root_), 2);
  EXPECT_EQ(usable_cores({1, 5}, root_), 1);
  EXPECT_EQ(usable_cores({0, 4, 7}, root_), 2);
  EXPECT_EQ(usable_cores({}, root_), 1);
}

TEST_F(FakeSysfs, SiblingsSideBySide) {
  for (int cpu = 0; cpu < 8; ++cpu)
    add_cpu(cpu, std::to_string(cpu / 2 * 2) + "-" + std::to_string(cpu / 2 * 2 + 1) + "\n");
  EXPECT_EQ(usable_cores({0, 1, 2, 3, 4, 5, 6, 7}, root_), 4);
  EXPECT_EQ(usable_cores({1, 2}, root_), 2);
  EXPECT_EQ(usable_cores({2, 3}, root_), 1);
}

TEST_F(FakeSysfs, WithoutTopologyEveryCpuIsACore) {
  EXPECT_EQ(usable_cores({0, 1, 2}, root_), 3);
  add_cpu(0, "0-1\n");
  add_cpu(1, "0-1\n");
  EXPECT_EQ(usable_cores({0, 1, 2}, root_), 2);
}

TEST_F(FakeSysfs, TheQuotaCountsAsWell) {
  add_pairs_apart();
  const std::vector<int> all = {0, 1, 2, 3, 4, 5, 6, 7};
  write("fs/cgroup/cpu.max", "250000 100000\n");
  EXPECT_EQ(usable_cores(all, root_), 3);
  write("fs/cgroup/cpu.max", "600000 100000\n");
  EXPECT_EQ(usable_cores(all, root_), 4);
  write("fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(usable_cores(all, root_), 4);
  fs::remove_all(root_ / "fs");
  write("fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n");
  write("fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(usable_cores(all, root_), 1);
  write("fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(usable_cores(all, root_), 4);
}

}  // namespace
}  // namespace oc
