#include "runtime/bench/median.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

TEST(Median, IsAMeasuredValue) {
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({9, 1, 5}), 5);
  EXPECT_EQ(median({4, 1, 3, 2}), 3) << "the upper one";
}

}  // namespace
}  // namespace oc
