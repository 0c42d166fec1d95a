// Tilings; golden ones are in tests/parity.
#include "models/moondream/plan.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

MoondreamConfig config() {
  MoondreamConfig config;
  config.vision.hidden_size = 1152;
  config.vision.image_size = 378;
  config.vision.patch_size = 14;
  return config;
}

TEST(MoondreamPlan, GridsAsTheReferenceChooses) {
  const auto of = [](int width, int height, int max_crops = 12) {
    const CropPlan plan = plan_crops(config(), width, height, max_crops).value();
    return std::pair(plan.rows, plan.cols);
  };
  using Grid = std::pair<int, int>;
  EXPECT_EQ(of(640, 480), Grid(2, 4));
  EXPECT_EQ(of(480, 640), Grid(4, 2));
  EXPECT_EQ(of(378, 378), Grid(1, 1));
  EXPECT_EQ(of(379, 379), Grid(3, 3)) << "one pixel more than a window";
  EXPECT_EQ(of(4000, 300), Grid(1, 1)) << "one side that fits is one crop, however long the other";
  EXPECT_EQ(of(3000, 2000), Grid(2, 4));
  EXPECT_EQ(of(20000, 400), Grid(1, 21)) << "more than max_crops, as the reference has it";
  EXPECT_EQ(of(1, 1), Grid(1, 1));
  EXPECT_EQ(of(640, 480, 1), Grid(1, 1));
  EXPECT_FALSE(plan_crops(config(), 0, 5, 12).ok());
}

TEST(MoondreamPlan, APictureAlwaysTakesTheSameRows) {
  const ImagePlan small = plan_moondream_image(config(), 10, 10, {}).value();
  const ImagePlan large = plan_moondream_image(config(), 1000, 900, {}).value();
  EXPECT_EQ(small.tokens, 729);
  EXPECT_EQ(large.tokens, 729);
  EXPECT_EQ(small.views, 2);
  EXPECT_GT(large.views, 2);
  EXPECT_NE(small.family, large.family);
  EXPECT_EQ(moondream_crop_plan(large), plan_crops(config(), 1000, 900, 12).value());
  EXPECT_EQ(plan_moondream_image(config(), 1000, 900, {.detail = ImageDetail::kLow})->views, 2);
  EXPECT_FALSE(plan_moondream_image(config(), 9, 9, {.knobs = {{"max_crops", 13}}}).ok());
}

TEST(MoondreamPlan, ASampleRunsTheTowerAsOftenAsAsked) {
  for (const int runs : {1, 5, 7, 10, 13}) {  // grids of two rows and columns at least
    const SampleImage sample = sample_moondream_image(config(), runs);
    EXPECT_EQ(sample.tower_runs, runs);
    const auto plan = plan_moondream_image(config(), sample.width, sample.height, sample.options);
    EXPECT_EQ(plan->views, runs == 1 ? 2 : runs);
  }
}

}  // namespace
}  // namespace oc
