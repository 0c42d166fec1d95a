#include "runtime/hub/rate.h"

#include <gtest/gtest.h>

namespace oc::hub {
namespace {

using namespace std::chrono_literals;

TEST(TransferRate, IsThatOfTheLastSeconds) {
  const TransferRate::Clock::time_point begin{};
  TransferRate rate;
  EXPECT_EQ(rate.bytes_per_s(), 0);
  rate.add({.done = 1000}, begin);
  EXPECT_EQ(rate.bytes_per_s(), 0);
  rate.add({.done = 3000}, begin + 1s);
  EXPECT_EQ(rate.bytes_per_s(), 2000);
  rate.add({.done = 3000}, begin + 5s);
  rate.add({.done = 4000}, begin + 11s);
  EXPECT_NEAR(rate.bytes_per_s(), 1000.0 / 6, 0.1);
  // Files that are there already say nothing, nor does a file that is begun anew.
  rate.add({.phase = PullProgress::Phase::kChecking, .done = 9'000'000}, begin + 12s);
  EXPECT_EQ(rate.bytes_per_s(), 0);
  rate.add({.done = 10}, begin + 13s);
  EXPECT_EQ(rate.bytes_per_s(), 0);
}

}  // namespace
}  // namespace oc::hub
