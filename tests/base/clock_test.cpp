#include "base/clock.h"

#include <gtest/gtest.h>

#include <ctime>

namespace oc {
namespace {

TEST(Clock, SecondsSince1970) {
  // By the same clock: std::time may be a tick behind it.
  const auto seconds = [] { return WallClock::to_time_t(WallClock::now()); };
  const std::time_t before = seconds();
  const std::int64_t now = unix_seconds();
  EXPECT_GE(now, before);
  EXPECT_LE(now, seconds());
}

TEST(Clock, TimestampsAreOfIso8601) {
  const auto time = WallClock::from_time_t(1'790'000'007) + std::chrono::milliseconds(42);
  EXPECT_EQ(utc_timestamp(time), "2026-09-21T14:13:27Z");
  EXPECT_EQ(utc_timestamp_in_ms(time), "2026-09-21T14:13:27.042Z");
  EXPECT_EQ(utc_timestamp_in_ms(WallClock::from_time_t(0) - std::chrono::milliseconds(1)),
            "1969-12-31T23:59:59.999Z");
}

TEST(Clock, ATimestampIsOfNow) {
  const std::string before = utc_timestamp(WallClock::now() - std::chrono::seconds(1));
  EXPECT_GT(utc_timestamp(), before);
}

}  // namespace
}  // namespace oc
