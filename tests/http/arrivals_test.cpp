#include "http/arrivals.h"

#include <gtest/gtest.h>

#include <vector>

namespace oc::http {
namespace {

using namespace std::chrono_literals;
using Room = Arrivals::Body::Room;
using Clock = Arrivals::Clock;

struct ArrivalsTest : testing::Test {
  std::shared_ptr<MemoryBudget> budget = std::make_shared<MemoryBudget>(1'000'000);
  std::shared_ptr<Arrivals> all = std::make_shared<Arrivals>(budget);
  ArrivalLimits limits{.grace = 10s, .bytes_per_s = 16'384};
  Clock::time_point start = Clock::now();
  int asked = 0;  // to give way

  std::unique_ptr<Arrivals::Body> body(Clock::duration at = 0s) {
    return std::make_unique<Arrivals::Body>(
        all, limits, [this] { ++asked; }, start + at);
  }
};

TEST_F(ArrivalsTest, BytesEarnTimeAndWhatDoesNotComeEarnsNone) {
  const auto one = body();
  EXPECT_EQ(one->deadline(), start + 10s);
  one->received(16'384, start + 4s);
  EXPECT_EQ(one->deadline(), start + 11s);
  // However much has come, silence has the grace and no more.
  one->received(63u << 20, start + 5s);
  EXPECT_EQ(one->deadline(), start + 15s);
  one->received(0, start + 14s);
  EXPECT_EQ(one->deadline(), start + 15s);
  one->received(1, start + 14s);  // a byte is worth 61 µs
  EXPECT_LT(one->deadline(), start + 15s + 100us);
}

TEST_F(ArrivalsTest, ASteadyClientIsNeverLate) {
  // A phone in a tunnel: nothing for nine seconds, then what it has to bring, for an hour.
  const auto one = body();
  for (int minute = 0; minute < 400; ++minute) {
    const auto now = start + 9s * (minute + 1);
    ASSERT_LT(now, one->deadline()) << minute;
    one->received(9 * 16'384, now);
  }
  // At half the speed it is late after twice the grace.
  const auto slow = body();
  auto now = start;
  while (now < slow->deadline()) slow->received(8'192, now += 1s);
  EXPECT_LE(now, start + 21s);
  EXPECT_GE(now, start + 19s);
}

TEST_F(ArrivalsTest, TogetherTheyHoldHalf) {
  std::vector<std::unique_ptr<Arrivals::Body>> silent;
  int here = 0;
  for (int i = 0; i < 16; ++i) {
    silent.push_back(body());
    if (silent.back()->grow_to(60'000, start) == Room::kHere) ++here;
  }
  EXPECT_EQ(here, 8);
  EXPECT_EQ(all->bytes(), 480'000u);
  EXPECT_EQ(budget->used(), 480'000u);
  EXPECT_TRUE(budget->take(500'000));  // requests that are there have the other half
  EXPECT_EQ(asked, 0);                 // nobody was late yet
}

TEST_F(ArrivalsTest, ASmallOneGetsInBesideThem) {
  const auto large = body(), other = body(), small = body(), more = body();
  EXPECT_EQ(large->grow_to(400'000, start), Room::kHere);
  EXPECT_EQ(other->grow_to(200'000, start), Room::kSoon);
  EXPECT_EQ(other->grow_to(100'000, start), Room::kHere);
  EXPECT_EQ(small->grow_to(1'000, start), Room::kHere);
  EXPECT_EQ(more->grow_to(20'000, start), Room::kSoon);
  // Nor do many small ones take the last quarter.
  std::vector<std::unique_ptr<Arrivals::Body>> many;
  for (int i = 0; i < 1000; ++i) {
    many.push_back(body());
    (void)many.back()->grow_to(10'000, start);
  }
  EXPECT_LE(all->bytes(), 750'000u);
  EXPECT_GE(all->bytes(), 740'000u);
}

TEST_F(ArrivalsTest, OnlyOneMayHaveAll) {
  const auto one = body(), other = body();
  EXPECT_EQ(one->grow_to(900'000, start), Room::kHere);
  EXPECT_EQ(other->grow_to(1'000, start), Room::kSoon);
  EXPECT_EQ(one->grow_to(1'000'001, start), Room::kNone);
}

TEST_F(ArrivalsTest, TheOneThatHeldMostForLongestGivesWay) {
  const auto small = body(), large = body(), late = body(3s);
  EXPECT_EQ(small->grow_to(100'000, start), Room::kHere);
  EXPECT_EQ(large->grow_to(400'000, start), Room::kHere);
  // Nobody is late at once; after a tenth of the grace both are.
  EXPECT_EQ(late->grow_to(100'000, start + 900ms), Room::kSoon);
  EXPECT_EQ(asked, 0);
  EXPECT_EQ(late->grow_to(100'000, start + 3s), Room::kSoon);
  EXPECT_EQ(late->grow_to(100'000, start + 3s), Room::kSoon);
  EXPECT_EQ(asked, 1);  // not one more for each time that it is asked
  EXPECT_TRUE(large->gave_way());
  EXPECT_FALSE(small->gave_way());
  EXPECT_EQ(all->bytes(), 500'000u);
}

TEST_F(ArrivalsTest, ItsMemoryIsThereWhenItHasGone) {
  auto first = body();
  const auto second = body(2s);
  EXPECT_EQ(first->grow_to(500'000, start), Room::kHere);
  EXPECT_EQ(second->grow_to(400'000, start + 2s), Room::kSoon);
  first.reset();
  EXPECT_EQ(budget->used(), 0u);
  EXPECT_EQ(second->grow_to(400'000, start + 2s), Room::kHere);
}

TEST_F(ArrivalsTest, TheSteadyOneKeepsItsPlace) {
  const auto steady = body(), greedy = body();
  EXPECT_EQ(steady->grow_to(300'000, start), Room::kHere);
  EXPECT_EQ(greedy->grow_to(200'000, start + 1s), Room::kHere);
  for (int second = 1; second <= 9; ++second) steady->received(20'000, start + second * 1s);
  // The other is late, though it has held less.
  const auto fresh = body(9s);
  EXPECT_EQ(fresh->grow_to(100'000, start + 9s), Room::kSoon);
  EXPECT_TRUE(greedy->gave_way());
  EXPECT_FALSE(steady->gave_way());
}

TEST_F(ArrivalsTest, SlowOnesThatAreNeverLateGiveWayAfterTheGrace) {
  const auto slow = body();
  EXPECT_EQ(slow->grow_to(500'000, start), Room::kHere);
  for (int second = 1; second <= 11; ++second) slow->received(17'000, start + second * 1s);
  const auto fresh = body(11s);
  EXPECT_EQ(fresh->grow_to(100'000, start + 11s), Room::kSoon);
  EXPECT_TRUE(slow->gave_way());
}

TEST_F(ArrivalsTest, AWholeBodyIsTheRequests) {
  Reservation memory;
  {
    const auto one = body();
    EXPECT_EQ(one->grow_to(500'000, start), Room::kHere);
    memory = one->finish();
    EXPECT_EQ(all->bytes(), 0u);
  }
  EXPECT_EQ(budget->used(), 500'000u);
  memory = Reservation();
  EXPECT_EQ(budget->used(), 0u);
}

}  // namespace
}  // namespace oc::http
