// What is planned for a picture of some size: tokens, and the forms in which a plan is told and
// kept.
#include "models/phi3v/plan.h"

#include <gtest/gtest.h>

#include "io/json_text.h"

namespace oc {
namespace {

const Phi3VConfig kPublished;  // CLIP-L/336, 4 crops

ImagePlan plan(int width, int height, int crops) {
  return plan_phi3v_image(kPublished, width, height, {.knobs = {{"num_crops", crops}}}).value();
}

TEST(Phi3VPlan, TokensOfAPicture) {
  EXPECT_EQ(plan(640, 480, 1).tokens, 313);
  EXPECT_EQ(plan(640, 480, 4).tokens, 757);
  EXPECT_EQ(plan(300, 600, 4).tokens, 469);
  EXPECT_EQ(plan(640, 480, 16).tokens, 1921);
  EXPECT_EQ(plan(1080, 1920, 16).tokens, 2377);
  EXPECT_EQ(plan(512, 512, 16).tokens, 2509);
}

TEST(Phi3VPlan, OneKnobWithinItsBounds) {
  const auto of = [](const ImageOptions& options) {
    return plan_phi3v_image(kPublished, 640, 480, options);
  };
  for (const int crops : {0, 65, -1}) {
    const Error error = of({.knobs = {{"num_crops", crops}}}).error();
    EXPECT_EQ(error.message, "num_crops is " + std::to_string(crops) + ", it must be 1 to 64");
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.param, "num_crops");
  }
  EXPECT_EQ(of({.detail = ImageDetail::kLow})->tokens, 313);
  EXPECT_EQ(of({})->tokens, 757);
  EXPECT_EQ(of({.detail = ImageDetail::kHigh})->tokens, 1921);
  // The picture's own value, then detail, then the request's.
  EXPECT_EQ(of({.knobs = {{"num_crops", 4}}, .detail = ImageDetail::kHigh})->tokens, 757);
  EXPECT_EQ(of({.detail = ImageDetail::kLow, .request_knobs = {{"num_crops", 16}}})->tokens, 313);
  EXPECT_EQ(of({.request_knobs = {{"num_crops", 16}}})->tokens, 1921);
  const Error unknown = of({.request_knobs = {{"max_tiles", 3}}}).error();
  EXPECT_EQ(unknown.message, "unknown parameter \"max_tiles\"");
  EXPECT_EQ(unknown.hint, "for a picture this model has num_crops (1 to 64)");
  EXPECT_EQ(unknown.param, "max_tiles");
}

TEST(Phi3VPlan, IsToldInTwoForms) {
  const ImagePlan tall = plan(480, 640, 4);
  EXPECT_EQ(json_text(plan_json(tall)),
            R"({"width":480,"height":640,"effective_width":504,"effective_height":672,)"
            R"("canvas_width":672,"canvas_height":672,"num_crops":4,"crops_w":2,"crops_h":2,)"
            R"("transposed":true,"tokens":757})");
  EXPECT_EQ(json_text(plan_json_of_answer(tall)),
            R"({"width":480,"height":640,"num_crops":4,"crops":[2,2],)"
            R"("effective_size":[504,672],"tokens":757})");
  using Lines = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(tall.description.lines,
            (Lines{{"resized to", "504 x 672, transposed meanwhile"},
                   {"canvas", "672 x 672, the rest white"},
                   {"crops", "2 wide x 2 high, and a global view (at most 4 asked for)"}}));
}

// The bytes are in the keys of stores: another form has another number, and misses them.
TEST(Phi3VPlan, TheFamilysPartIsCanonical) {
  EXPECT_EQ(plan(640, 480, 4).family, "phi3v/1 num_crops=4 crops=2x2 transposed=0");
  EXPECT_EQ(plan(300, 600, 4).family, "phi3v/1 num_crops=4 crops=1x2 transposed=1");
  EXPECT_EQ(phi3v_hd_params(kPublished, plan(640, 480, 9)).num_crops, 9);
}

TEST(Phi3VPlan, ASampleTakesSoManyRunsOfTheTower) {
  for (const auto& [asked, runs] : {std::pair{1, 1}, std::pair{3, 3}, std::pair{5, 5},
                                    std::pair{17, 17}, std::pair{2, 1}, std::pair{1000, 65}}) {
    const SampleImage sample = sample_phi3v_image(kPublished, asked);
    EXPECT_EQ(sample.tower_runs, runs);
    const auto planned =
        plan_phi3v_image(kPublished, sample.width, sample.height, sample.options).value();
    EXPECT_EQ(planned.views, runs == 1 ? 2 : runs) << "one crop equals its global view";
  }
}

}  // namespace
}  // namespace oc
