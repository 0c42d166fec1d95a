#include "models/moondream/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/check.h"
#include "models/blocks/plan_numbers.h"

namespace oc {
namespace {

constexpr std::string_view kLayout = "moondream/1 ";  // of ImagePlan::family

ImageDescription describe(const CropPlan& crops, int max_crops) {
  ImageDescription out;
  out.lines = {
      {"canvas", fmt::format("{} x {}", crops.canvas_width, crops.canvas_height)},
      {"crops", crops.one_crop() ? "one, the global view itself"
                                 : fmt::format("{} wide x {} high, overlapping, and a global view",
                                               crops.cols, crops.rows)}};
  out.sizes = {{"max_crops", max_crops},
               {"canvas_width", crops.canvas_width},
               {"canvas_height", crops.canvas_height},
               {"rows", crops.rows},
               {"cols", crops.cols}};
  out.answer = {{"max_crops", max_crops}, {"crops", {crops.rows, crops.cols}}};
  return out;
}

}  // namespace

std::vector<ImageKnob> moondream_knobs(const MoondreamConfig& config) {
  std::vector<ImageKnob> knobs(kMoondreamKnobs.begin(), kMoondreamKnobs.end());
  knobs[0].max = knobs[0].fallback = config.max_crops;
  knobs[0].high = config.max_crops;
  return knobs;
}

Result<ImagePlan> plan_moondream_image(const MoondreamConfig& config, int width, int height,
                                       const ImageOptions& options) {
  OC_ASSIGN_OR_RETURN(const KnobValues knobs, knob_values(moondream_knobs(config), options));
  const int max_crops = knobs.find("max_crops")->second;
  OC_ASSIGN_OR_RETURN(const CropPlan crops, plan_crops(config, width, height, max_crops));
  ImagePlan plan;
  plan.width = width;
  plan.height = height;
  plan.views = crops.views();
  plan.tokens = static_cast<int>(config.image_rows());
  const auto side = static_cast<std::size_t>(crops.side);
  plan.bytes = static_cast<std::size_t>(plan.views) * 3 * side * side * sizeof(float);
  plan.description = describe(crops, max_crops);
  plan.family =
      fmt::format("{}side={} window={} canvas={}x{} crops={}x{}", kLayout, crops.side, crops.window,
                  crops.canvas_width, crops.canvas_height, crops.rows, crops.cols);
  return plan;
}

SampleImage sample_moondream_image(const MoondreamConfig& config, int tower_runs) {
  SampleImage best;
  for (int rows = 1; rows <= config.max_crops; ++rows)
    for (int cols = rows; rows * cols <= config.max_crops; ++cols) {
      // As large as its crops, so that there are so many of them at least.
      SampleImage sample{.width = cols * config.window() + config.margin(),
                         .height = rows * config.window() + config.margin()};
      sample.options.knobs = {{"max_crops", rows * cols}};
      const auto plan = plan_moondream_image(config, sample.width, sample.height, sample.options);
      OC_CHECK(plan.ok(), "a picture of {} crops cannot be planned", rows * cols);
      sample.tower_runs = plan->views == 2 ? 1 : plan->views;
      if (best.tower_runs == 0 ||
          std::abs(sample.tower_runs - tower_runs) < std::abs(best.tower_runs - tower_runs))
        best = sample;
    }
  return best;
}

CropPlan moondream_crop_plan(const ImagePlan& plan) {
  const std::vector<int> n = plan_numbers(plan, kLayout, 6);
  const CropPlan crops{.side = n[0],
                       .window = n[1],
                       .canvas_width = n[2],
                       .canvas_height = n[3],
                       .rows = n[4],
                       .cols = n[5]};
  OC_CHECK(crops.views() == plan.views, "planned {} views, not {}", plan.views, crops.views());
  return crops;
}

}  // namespace oc
