#include "base/units.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

TEST(Units, BytesHaveThreeDigits) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1000), "1.00 kB");
  EXPECT_EQ(human_bytes(24'733), "24.7 kB");
  EXPECT_EQ(human_bytes(999'400), "999 kB");
  EXPECT_EQ(human_bytes(999'600), "1.00 MB");
  EXPECT_EQ(human_bytes(2'330'000'000), "2.33 GB");
  EXPECT_EQ(human_bytes(~std::uint64_t{0}), "18.4 EB");
}

TEST(Units, SecondsAreRoundedUp) {
  EXPECT_EQ(human_seconds(0), "0 s");
  EXPECT_EQ(human_seconds(0.1), "1 s");
  EXPECT_EQ(human_seconds(59.5), "1 min 0 s");
  EXPECT_EQ(human_seconds(200), "3 min 20 s");
  EXPECT_EQ(human_seconds(7500), "2 h 5 min");
  EXPECT_EQ(human_seconds(-1), "0 s");
}

}  // namespace
}  // namespace oc
