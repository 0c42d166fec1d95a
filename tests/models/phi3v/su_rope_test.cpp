#include "models/phi3v/su_rope.h"

#include <gtest/gtest.h>

#include <cmath>

namespace oc {
namespace {

RopeParams phi() {
  return {.head_dim = 8,
          .theta = 10000,
          .max_positions = 131072,
          .original_max_positions = 4096,
          .short_factor = {1.08, 1.1, 1.13, 1.28},
          .long_factor = {1.08, 1.6, 12.2, 64.0}};
}

TEST(SuRope, RegimeChangesPastTheOriginalContext) {
  const SuRope rope(phi());
  EXPECT_EQ(rope.regime(1), 0);
  EXPECT_EQ(rope.regime(4096), 0);
  EXPECT_EQ(rope.regime(4097), 1);
}

TEST(SuRope, AnglesAndAttentionFactor) {
  const SuRope rope(phi());
  const double factor = 1.1902380714238083;  // sqrt(1 + ln 32 / ln 4096)
  for (const int regime : {0, 1}) {
    Batch batch;
    rope.append(regime, 5, 2, batch);
    ASSERT_EQ(batch.rope_cos.size(), 8u);
    const auto& list = regime == 0 ? phi().short_factor : phi().long_factor;
    for (int row = 0; row < 2; ++row)
      for (int i = 0; i < 4; ++i) {
        const double angle =
            (5 + row) / (list[static_cast<std::size_t>(i)] * std::pow(10000.0, 2.0 * i / 8));
        const auto at = static_cast<std::size_t>(row * 4 + i);
        EXPECT_NEAR(batch.rope_cos[at], std::cos(angle) * factor, 2e-6);
        EXPECT_NEAR(batch.rope_sin[at], std::sin(angle) * factor, 2e-6);
      }
  }
}

TEST(SuRope, FactorIsOneWhenTheContextIsNotExtended) {
  RopeParams params = phi();
  params.max_positions = params.original_max_positions;
  Batch batch;
  SuRope(params).append(0, 0, 1, batch);
  EXPECT_EQ(batch.rope_cos[0], 1.0f);
  EXPECT_EQ(batch.rope_sin[0], 0.0f);
}

}  // namespace
}  // namespace oc
