#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "base/system/sysfs.h"
#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

// A sysfs of four cores with two threads each: CPU n and n + 4, as Intel numbers them, or 2n and
// 2n + 1.
class FakeSysfs : public testing::Test {
 protected:
  void SetUp() override {
    root_ = scratch_path("sysfs");
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
  EXPECT_EQ(cores_of({0, 1, 2, 3, 4, 5, 6, 7}, root_), 4);
  EXPECT_EQ(cores_of({0, 1, 2, 3}, root_), 4);  // one thread of each
  EXPECT_EQ(cores_of({4, 5}, root_), 2);
  EXPECT_EQ(cores_of({1, 5}, root_), 1);
  EXPECT_EQ(cores_of({0, 4, 7}, root_), 2);
  EXPECT_EQ(cores_of({}, root_), 1);
}

TEST_F(FakeSysfs, SiblingsSideBySide) {
  for (int cpu = 0; cpu < 8; ++cpu)
    add_cpu(cpu, std::to_string(cpu / 2 * 2) + "-" + std::to_string(cpu / 2 * 2 + 1) + "\n");
  EXPECT_EQ(cores_of({0, 1, 2, 3, 4, 5, 6, 7}, root_), 4);
  EXPECT_EQ(cores_of({1, 2}, root_), 2);
  EXPECT_EQ(cores_of({2, 3}, root_), 1);
}

TEST_F(FakeSysfs, WithoutTopologyEveryCpuIsACore) {
  EXPECT_EQ(cores_of({0, 1, 2}, root_), 3);
  add_cpu(0, "0-1\n");
  add_cpu(1, "0-1\n");
  EXPECT_EQ(cores_of({0, 1, 2}, root_), 2);
}

TEST_F(FakeSysfs, TheQuotaCountsAsWell) {
  add_pairs_apart();
  const std::vector<int> all = {0, 1, 2, 3, 4, 5, 6, 7};
  write("fs/cgroup/cpu.max", "250000 100000\n");
  EXPECT_EQ(cores_of(all, root_), 3);
  write("fs/cgroup/cpu.max", "600000 100000\n");
  EXPECT_EQ(cores_of(all, root_), 4);
  write("fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(cores_of(all, root_), 4);
  fs::remove_all(root_ / "fs");
  write("fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n");
  write("fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cores_of(all, root_), 1);
  write("fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(cores_of(all, root_), 4);
}

TEST_F(FakeSysfs, TheLowestMemoryLimitOfAllControlGroupsCounts) {
  const std::string v2 = "0::/system.slice/ocellus.service\n";
  EXPECT_EQ(cgroup_memory_limit(v2, root_), 0u);
  write("system.slice/ocellus.service/memory.max", "max\n");
  EXPECT_EQ(cgroup_memory_limit(v2, root_), 0u);
  write("system.slice/memory.max", "5000\n");
  EXPECT_EQ(cgroup_memory_limit(v2, root_), 5000u);
  write("system.slice/ocellus.service/memory.max", "4000\n");
  EXPECT_EQ(cgroup_memory_limit(v2, root_), 4000u);
  write("memory.max", "3000\n");  // a container's own, whatever the path outside of it
  EXPECT_EQ(cgroup_memory_limit("0::/not/here\n", root_), 3000u);
  const std::string v1 = "3:cpu,cpuacct:/a\n2:memory:/a/b\n";
  write("memory/a/memory.limit_in_bytes", "2000\n");
  write("cpu/a/memory.limit_in_bytes", "1\n");
  EXPECT_EQ(cgroup_memory_limit(v1, root_), 2000u);
  EXPECT_EQ(cgroup_memory_limit("nonsense\n::\n:", root_), 3000u);
}

}  // namespace
}  // namespace oc
