#include "runtime/eval/estimate.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace oc {
namespace {

using Scores = std::vector<ClusteredScore>;

// Wilson's interval by its formula, for p of n.
std::pair<double, double> wilson(double p, double n) {
  const double z = 1.959963984540054, z2 = z * z;
  const double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half = z / (1 + z2 / n) * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  return {middle - half, middle + half};
}

TEST(Estimate, IndependentAnswers) {
  // Four pictures, one question each, three right: the variance between them is
  // 4/3 · (3 · 0.25² + 0.75²) / 4² = 0.0625, that of three yes of three: 0.1875 / 3.
  const Scores scores = {{1, "a"}, {1, "b"}, {1, "c"}, {0, "d"}};
  const Estimate seen = estimate(scores);
  EXPECT_EQ(seen.count, 4u);
  EXPECT_DOUBLE_EQ(seen.mean, 0.75);
  const auto [low, high] = wilson(0.75, 3);
  EXPECT_NEAR(seen.low, low, 1e-12);
  EXPECT_NEAR(seen.high, high, 1e-12);
}

TEST(Estimate, QuestionsOfAPictureCountTogether) {
  // Two pictures, all right and all wrong: 2/1 · (2² · 0.25 + 2² · 0.25) / 4², which is 1/4: one
  // answer's. The same scores on a picture each: three answers' worth.
  const Estimate together = estimate(Scores{{1, "a"}, {1, "a"}, {0, "b"}, {0, "b"}});
  EXPECT_NEAR(together.low, wilson(0.5, 1).first, 1e-12);
  const Estimate apart = estimate(Scores{{1, "a"}, {1, "b"}, {0, "c"}, {0, "d"}});
  EXPECT_NEAR(apart.low, wilson(0.5, 3).first, 1e-12);
  EXPECT_LT(together.low, apart.low);
}

TEST(Estimate, AllRightIsNotCertain) {
  const Estimate all = estimate(Scores{{1, "a"}, {1, "a"}, {1, "b"}, {1, "c"}});
  EXPECT_EQ(all.mean, 1);
  EXPECT_EQ(all.high, 1);
  EXPECT_NEAR(all.low, wilson(1, 3).first, 1e-12);  // three pictures
  EXPECT_EQ(estimate({}).count, 0u);
}

TEST(Estimate, PartsOfAScoreVaryLess) {
  // 0.3 and 0.6 are nearer to each other than 0 and 1, but never count for more than their number.
  const Estimate parts = estimate(Scores{{0.3, "a"}, {0.6, "b"}, {0.3, "c"}, {0.6, "d"}});
  EXPECT_DOUBLE_EQ(parts.mean, 0.45);
  EXPECT_NEAR(parts.low, wilson(0.45, 4).first, 1e-12);
}

TEST(DrawSample, TheSameForASeedAndEachEquallyLikely) {
  EXPECT_EQ(draw_sample(10, 3, 7), draw_sample(10, 3, 7));
  EXPECT_NE(draw_sample(1000, 30, 7), draw_sample(1000, 30, 8));
  EXPECT_EQ(draw_sample(3, 5, 0), (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(draw_sample(3, 0, 0), std::vector<std::size_t>{});
  std::vector<int> drawn(10);
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const auto sample = draw_sample(10, 3, seed);
    EXPECT_EQ(std::set<std::size_t>(sample.begin(), sample.end()).size(), 3u);
    EXPECT_TRUE(std::is_sorted(sample.begin(), sample.end()));
    for (const std::size_t i : sample) ++drawn[i];
  }
  for (const int times : drawn) EXPECT_NEAR(times, 600, 100);  // five standard deviations
}

// The numbers themselves, so that a seed in somebody's report stays theirs.
TEST(DrawSample, OfSeedZero) {
  EXPECT_EQ(draw_sample(100, 5, 0), (std::vector<std::size_t>{6, 19, 80, 89, 94}));
}

}  // namespace
}  // namespace oc
