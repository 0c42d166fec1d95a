// Who gets what when there is not enough for all.
#include "runtime/serving/fair_shares.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <numeric>
#include <random>

namespace oc {
namespace {

using Counts = std::vector<std::size_t>;

TEST(FairShares, EachHasAPlaceAndTheRestGoesRound) {
  EXPECT_EQ(share_places(Counts{8}, 8), (Counts{8}));
  EXPECT_EQ(share_places(Counts{8, 1}, 8), (Counts{7, 1}));
  EXPECT_EQ(share_places(Counts{1, 8, 1}, 8), (Counts{1, 6, 1}));
  EXPECT_EQ(share_places(Counts{8, 8}, 8), (Counts{4, 4}));
  EXPECT_EQ(share_places(Counts{8, 2, 8}, 9), (Counts{4, 2, 3}));
  EXPECT_EQ(share_places(Counts{8, 8, 8, 8}, 4), (Counts{1, 1, 1, 1}));
  EXPECT_EQ(share_places(Counts{0, 3}, 8), (Counts{0, 3}));
  EXPECT_EQ(share_places(Counts{}, 8), (Counts{}));
}

TEST(FairShares, TheLeastWorkComesBeforeTheOldestByTurns) {
  using Left = std::vector<std::int64_t>;
  EXPECT_EQ(next_prompt(Left{}, true), std::nullopt);
  EXPECT_EQ(next_prompt(Left{0, 0}, true), std::nullopt);
  EXPECT_EQ(next_prompt(Left{0, 9, 3, 3}, true), 1u);
  EXPECT_EQ(next_prompt(Left{0, 9, 3, 3}, false), 2u);
}

TEST(FairShares, MemoryIsLentWhileAllCanEnd) {
  EXPECT_TRUE(all_can_end({}, 0));
  EXPECT_TRUE(all_can_end({{10, 10}}, 10));
  EXPECT_FALSE(all_can_end({{11, 11}}, 10));
  // Both may want all there is: one of them may have something, not both.
  EXPECT_TRUE(all_can_end({{4, 10}, {0, 10}}, 10));
  EXPECT_FALSE(all_can_end({{4, 10}, {1, 10}}, 10));
  // A small one ends in what is left, and gives it back.
  EXPECT_TRUE(all_can_end({{4, 10}, {2, 6}}, 10));
  EXPECT_FALSE(all_can_end({{4, 10}, {2, 7}}, 10));
  // What the first one gives back is enough for the second, and theirs for the third.
  EXPECT_TRUE(all_can_end({{2, 20}, {8, 10}, {8, 18}}, 20));
  EXPECT_FALSE(all_can_end({{3, 20}, {8, 10}, {8, 18}}, 20));
}

// From any state that it allows, whoever grows by what it allows, all end: nothing stands for good.
TEST(FairShares, WhatIsLentNeverBlocks) {
  std::mt19937 random(7);
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(n));
  };
  for (int round = 0; round < 2000; ++round) {
    const std::int64_t memory = 1 + below(60);
    std::vector<MemoryClaim> running;
    int left = 20;
    while (left > 0 || !running.empty()) {
      if (left > 0 && below(3) == 0) {
        --left;
        MemoryClaim fresh{below(5), 0};
        fresh.peak = std::min(memory, fresh.held + below(memory));
        fresh.held = std::min(fresh.held, fresh.peak);
        auto with = running;
        with.push_back(fresh);
        if (all_can_end(with, memory)) running = with;
      }
      bool moved = running.empty();
      for (std::size_t i = 0; i < running.size(); ++i) {
        auto with = running;
        if (with[i].held == with[i].peak) {
          running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
          moved = true;
          break;
        }
        ++with[i].held;
        if (!all_can_end(with, memory)) continue;
        running = with;
        moved = true;
        std::int64_t held = 0;
        for (const MemoryClaim& one : running) held += one.held;
        ASSERT_LE(held, memory);
      }
      ASSERT_TRUE(moved) << "everything stands, round " << round;
    }
  }
}

TEST(FairShares, TheTurnGoesToTheClientWithFewestRunning) {
  using W = std::vector<WaitingRequest>;
  EXPECT_EQ(next_turn(W{}), std::nullopt);
  EXPECT_EQ(next_turn(W{{0}, {0}}), 0u);
  EXPECT_EQ(next_turn(W{{2}, {1}, {1}}), 1u);
  EXPECT_EQ(next_turn(W{{.fits = false}, {3}}), 1u) << "a small one passes";
  EXPECT_EQ(next_turn(W{{.fits = false}, {.fits = false}}), std::nullopt);
}

TEST(FairShares, NobodyIsPassedMoreThanSoOften) {
  using W = std::vector<WaitingRequest>;
  const WaitingRequest enough{.running = 5, .passed = kMaxPasses};
  EXPECT_EQ(next_turn(W{enough, {0}}), 0u);
  EXPECT_EQ(next_turn(W{{.passed = kMaxPasses, .fits = false}, {0}}), std::nullopt);
  EXPECT_EQ(next_turn(W{{.running = 1}, enough, {0}}), 0u) << "who came before it passes nobody";
  // A stream of new clients' small requests in front of one that rarely fits and one that has much.
  std::mt19937 random(1);
  struct One {
    std::size_t running;
    int passed = 0;
    bool large = false;
  };
  std::deque<One> queue = {{.running = 3}, {.running = 0, .large = true}};
  int turns = 0, max_passed = 0;
  for (int turn = 0; turn < 2000; ++turn) {
    while (queue.size() < 10)
      queue.push_back({.running = random() % 3, .large = random() % 4 == 0});
    const bool room = random() % 8 == 0;  // for a large one
    W waiting;
    for (const One& one : queue) waiting.push_back({one.running, one.passed, room || !one.large});
    const auto next = next_turn(waiting);
    if (!next) continue;
    ++turns;
    for (std::size_t i = 0; i < *next; ++i) max_passed = std::max(max_passed, ++queue[i].passed);
    queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(*next));
  }
  EXPECT_EQ(max_passed, kMaxPasses);
  EXPECT_GT(turns, 200);
}

}  // namespace
}  // namespace oc
