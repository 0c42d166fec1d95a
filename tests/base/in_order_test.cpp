#include "base/in_order.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <stdexcept>

namespace oc {
namespace {

using Numbers = InOrder<int, int>;

// Jobs 0, 1, 2, … below `all`.
std::function<std::optional<int>()> counting(int all, int& next) {
  return [all, &next]() -> std::optional<int> {
    if (next == all) return std::nullopt;
    return next++;
  };
}

TEST(InOrder, ResultsComeInTheOrderOfTheJobs) {
  int next = 0;
  std::vector<int> given;
  std::atomic<int> at_once{0}, most{0};
  Numbers(4, 16,
          {.take = counting(1000, next),
           .work =
               [&](int job) {
                 const int now = ++at_once;
                 for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
                 }
                 if (job % 7 == 0) std::this_thread::yield();
                 --at_once;
                 return 2 * job;
               },
           .give =
               [&](int done) {
                 given.push_back(done);
                 return true;
               }})
      .run();
  std::vector<int> expected(1000);
  std::iota(expected.begin(), expected.end(), 0);
  for (int& one : expected) one *= 2;
  EXPECT_EQ(given, expected);
  EXPECT_LE(most, 4);
}

TEST(InOrder, NoMoreAreTakenThanMayWaitForTheOldest) {
  int next = 0;
  std::atomic<int> others{0};
  std::vector<int> given;
  Numbers(3, 5,
          {.take = counting(50, next),
           .work =
               [&](int job) {
                 if (job == 0) {  // until the four that may be taken beside it have been done
                   while (others < 4) std::this_thread::yield();
                   EXPECT_EQ(others, 4);
                 } else if (job < 50) {
                   ++others;
                 }
                 return job;
               },
           .give =
               [&](int done) {
                 if (given.empty()) {
                   EXPECT_EQ(next, 5);
                 }
                 given.push_back(done);
                 return true;
               }})
      .run();
  EXPECT_EQ(given.size(), 50u);
}

TEST(InOrder, GiveEndsIt) {
  int next = 0, given = 0;
  Numbers(4, 16,
          {.take = counting(1000, next),
           .work = [](int job) { return job; },
           .give = [&](int) { return ++given < 10; }})
      .run();
  EXPECT_EQ(given, 10);
  EXPECT_LE(next, 10 + 16);
}

TEST(InOrder, WhatIsThrownComesOut) {
  int next = 0, given = 0;
  Numbers work(4, 16,
               {.take = counting(1000, next),
                .work =
                    [](int job) {
                      if (job == 20) throw std::runtime_error("twenty");
                      return job;
                    },
                .give =
                    [&](int done) {
                      EXPECT_LT(done, 20);
                      ++given;
                      return true;
                    }});
  EXPECT_THROW(work.run(), std::runtime_error);
  EXPECT_LE(given, 20);
}

}  // namespace
}  // namespace oc
