#include "base/system/limits.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace oc {
namespace {

TEST(Limits, DescriptorsRiseToTheHardLimitAndNoFurther) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  if (before.rlim_max < 128) GTEST_SKIP() << "a hard limit of " << before.rlim_max;
  rlimit low = before;
  low.rlim_cur = 64;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(raise_descriptor_limit(128), 128u);
  rlimit now{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &now), 0);
  EXPECT_EQ(now.rlim_cur, 128u);
  if (before.rlim_max != RLIM_INFINITY)
    EXPECT_EQ(raise_descriptor_limit(static_cast<std::size_t>(before.rlim_max) + 1),
              static_cast<std::size_t>(before.rlim_max));
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST(Limits, LockedMemoryRisesToTheHardLimit) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_MEMLOCK, &before), 0);
  rlimit low = before;
  low.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_MEMLOCK, &low), 0);
  EXPECT_EQ(memory_lock_limit(), 0u);
  raise_memory_lock_limit(1);
  if (before.rlim_max == RLIM_INFINITY)
    EXPECT_EQ(memory_lock_limit(), std::nullopt);
  else
    EXPECT_EQ(memory_lock_limit(), before.rlim_max);
  ASSERT_EQ(::setrlimit(RLIMIT_MEMLOCK, &before), 0);
}

}  // namespace
}  // namespace oc
