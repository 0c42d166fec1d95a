#include <gtest/gtest.h>
#include <sched.h>

#include <cstddef>

#include "base/system/processor.h"

namespace oc {
namespace {

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

}  // namespace
}  // namespace oc
