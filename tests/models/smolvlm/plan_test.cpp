// What is planned for a picture of some size: tokens, and the forms in which a plan is told and
// kept.
#include "models/smolvlm/plan.h"

#include <gtest/gtest.h>

#include "io/json_text.h"

namespace oc {
namespace {

SmolVlmConfig of_sizes(int image, int patch, int scale) {
  SmolVlmConfig config;
  config.vision.image_size = image;
  config.vision.patch_size = patch;
  config.scale_factor = scale;
  config.image.tile = image;
  config.image.longest_edge = 4 * image;
  return config;
}
const SmolVlmConfig kSmall = of_sizes(512, 16, 4);  // 256M and 500M
const SmolVlmConfig kLarge = of_sizes(384, 14, 3);  // 2.2B

ImagePlan plan(const SmolVlmConfig& config, int width, int height,
               const ImageOptions& options = {}) {
  return plan_smolvlm_image(config, width, height, options).value();
}
int with_markers(const ImagePlan& plan) {
  return static_cast<int>(plan.description.sizes.at("tokens_with_markers").as_int64());
}

TEST(SmolVlmPlan, TokensOfAPicture) {
  EXPECT_EQ(plan(kSmall, 640, 480).tokens, 832);
  EXPECT_EQ(plan(kSmall, 640, 480).views, 13);
  EXPECT_EQ(plan(kSmall, 512, 512).tokens, 1088);
  EXPECT_EQ(plan(kSmall, 4000, 300).tokens, 320);
  EXPECT_EQ(with_markers(plan(kSmall, 640, 480)), 862);
  EXPECT_EQ(with_markers(plan(kSmall, 480, 640)), 863);
  EXPECT_EQ(with_markers(plan(kSmall, 336, 336)), 1127);
  EXPECT_EQ(with_markers(plan(kLarge, 640, 480)), 1083);
  EXPECT_EQ(with_markers(plan(kLarge, 480, 640)), 1084);
  EXPECT_EQ(with_markers(plan(kLarge, 336, 336)), 1416);
}

TEST(SmolVlmPlan, DetailIsOneViewOrWhatIsPublished) {
  const ImageOptions low{.detail = ImageDetail::kLow}, high{.detail = ImageDetail::kHigh};
  EXPECT_EQ(with_markers(plan(kSmall, 640, 480, low)), 67);
  EXPECT_EQ(with_markers(plan(kLarge, 640, 480, low)), 84);
  EXPECT_EQ(plan(kSmall, 640, 480, low).views, 1);
  EXPECT_EQ(plan(kSmall, 640, 480, high).family, plan(kSmall, 640, 480).family);
  // A checkpoint that does not split: high does, low is one view all the same.
  SmolVlmConfig whole = kSmall;
  whole.image.do_image_splitting = false;
  EXPECT_EQ(plan(whole, 640, 480).views, 1);
  EXPECT_EQ(plan(whole, 640, 480, high).views, 13);
  EXPECT_EQ(plan(whole, 640, 480, low).views, 1);
}

TEST(SmolVlmPlan, TheKnobsAreThoseOfItsProcessor) {
  const auto of = [](const SmolVlmConfig& config, const ImageOptions& options) {
    return plan_smolvlm_image(config, 640, 480, options);
  };
  EXPECT_EQ(of(kSmall, {.knobs = {{"longest_edge", 1024}}})->views, 5);
  EXPECT_EQ(of(kSmall, {.knobs = {{"do_image_splitting", 0}}})->views, 1);
  EXPECT_EQ(of(kSmall, {.knobs = {{"longest_edge", 3072}}})->views, 31);
  EXPECT_EQ(of(kSmall, {.knobs = {{"longest_edge", 3073}}}).error().message,
            "longest_edge is 3073, it must be 1 to 3072");
  EXPECT_EQ(of(kLarge, {.knobs = {{"longest_edge", 3072}}}).error().message,
            "longest_edge is 3072, it must be 1 to 2304");
  EXPECT_EQ(of(kSmall, {.knobs = {{"do_image_splitting", 2}}}).error().param, "do_image_splitting");
  const Error unknown = of(kSmall, {.request_knobs = {{"num_crops", 4}}}).error();
  EXPECT_EQ(unknown.hint,
            "for a picture this model has longest_edge (1 to 3072), do_image_splitting (0 to 1)");
  EXPECT_EQ(
      counted_knobs(smolvlm_knobs(kSmall), {{"longest_edge", 512}, {"do_image_splitting", 1}}),
      "512 pixels");
  EXPECT_EQ(knob_units(smolvlm_knobs(kSmall)), "pixels");
}

TEST(SmolVlmPlan, AFrameOfAVideoIsOneView) {
  for (SmolVlmConfig config : {kSmall, kLarge}) {
    config.image.frame_edge = config.image.tile;
    config.image.do_image_splitting = false;  // of pictures
    const FrameRules rules = smolvlm_frames(config);
    EXPECT_EQ(rules.max_frames, 64);
    const ImagePlan frame = plan(config, 1920, 1080, {.knobs = rules.knobs});
    EXPECT_EQ(frame.views, 1);
    // Brought to the view's width first, aspect kept: not as a picture that is not cut.
    EXPECT_EQ(smolvlm_tile_plan(frame).resize_width, config.image.tile);
    EXPECT_NE(frame.family, plan(config, 1920, 1080).family);
  }
}

TEST(SmolVlmPlan, IsToldInTwoForms) {
  const ImagePlan tall = plan(kSmall, 480, 640, {.knobs = {{"longest_edge", 1024}}});
  EXPECT_EQ(json_text(plan_json(tall)),
            R"({"width":480,"height":640,"longest_edge":1024,"do_image_splitting":1,)"
            R"("effective_width":768,"effective_height":1024,"canvas_width":1024,)"
            R"("canvas_height":1024,"rows":2,"cols":2,"tokens_with_markers":333,"tokens":320})");
  EXPECT_EQ(json_text(plan_json_of_answer(tall)),
            R"({"width":480,"height":640,"longest_edge":1024,"do_image_splitting":1,)"
            R"("tiles":[2,2],"effective_size":[768,1024],"tokens":320})");
  using Lines = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(tall.description.lines, (Lines{{"resized to", "768 x 1024"},
                                           {"canvas", "1024 x 1024"},
                                           {"tiles", "2 wide x 2 high, and a global view"},
                                           {"prompt", "333 tokens with its markers"}}));
}

// The bytes are in the keys of stores: another form has another number, and misses them.
TEST(SmolVlmPlan, TheFamilysPartIsCanonical) {
  const ImagePlan cut = plan(kSmall, 640, 480);
  EXPECT_EQ(cut.family, "smolvlm/1 tile=512 resized=2048x1536 canvas=2048x1536 tiles=3x4");
  EXPECT_EQ(smolvlm_tile_plan(cut), plan_tiles(640, 480, 512, 2048, true).value());
  const ImagePlan whole = plan(kLarge, 640, 480, {.knobs = {{"do_image_splitting", 0}}});
  EXPECT_EQ(whole.family, "smolvlm/1 tile=384 resized=1536x1152 canvas=384x384 tiles=0x0");
  EXPECT_EQ(smolvlm_tile_plan(whole), plan_tiles(640, 480, 384, 1536, false).value());
  ImagePlan other = cut;
  other.family = "phi3v/1 num_crops=4 crops=2x2 transposed=0";
  EXPECT_THROW(smolvlm_tile_plan(other), CheckFailure);
}

TEST(SmolVlmPlan, ASampleTakesSoManyRunsOfTheTower) {
  for (const auto& [asked, runs] : {std::pair{1, 1}, std::pair{3, 3}, std::pair{5, 5},
                                    std::pair{17, 17}, std::pair{2, 1}, std::pair{1000, 37}}) {
    const SampleImage sample = sample_smolvlm_image(kSmall, asked);
    EXPECT_EQ(sample.tower_runs, runs);
    EXPECT_EQ(plan(kSmall, sample.width, sample.height, sample.options).views, runs);
  }
}

}  // namespace
}  // namespace oc
