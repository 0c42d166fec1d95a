#include "models/smolvlm/plan.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/check.h"
#include "models/blocks/plan_numbers.h"

namespace oc {
namespace {

constexpr std::string_view kLayout = "smolvlm/1 ";  // of ImagePlan::family

std::string family_part(const TilePlan& tiles) {
  return fmt::format("{}tile={} resized={}x{} canvas={}x{} tiles={}x{}", kLayout, tiles.tile,
                     tiles.resize_width, tiles.resize_height, tiles.canvas_width,
                     tiles.canvas_height, tiles.rows, tiles.cols);
}

ImageDescription describe(const TilePlan& tiles, int longest_edge, bool split, int tokens) {
  ImageDescription out;
  out.lines = {{"resized to", fmt::format("{} x {}", tiles.resize_width, tiles.resize_height)},
               {"canvas", fmt::format("{} x {}", tiles.canvas_width, tiles.canvas_height)},
               {"tiles", tiles.rows == 0 ? "none, one view"
                                         : fmt::format("{} wide x {} high, and a global view",
                                                       tiles.cols, tiles.rows)},
               {"prompt", fmt::format("{} tokens with its markers", tokens)}};
  out.sizes = {{"longest_edge", longest_edge},
               {"do_image_splitting", split ? 1 : 0},
               {"effective_width", tiles.resize_width},
               {"effective_height", tiles.resize_height},
               {"canvas_width", tiles.canvas_width},
               {"canvas_height", tiles.canvas_height},
               {"rows", tiles.rows},
               {"cols", tiles.cols},
               {"tokens_with_markers", tokens}};
  out.answer = {{"longest_edge", longest_edge},
                {"do_image_splitting", split ? 1 : 0},
                {"tiles", {tiles.rows, tiles.cols}},
                {"effective_size", {tiles.resize_width, tiles.resize_height}}};
  return out;
}

}  // namespace

std::vector<ImageKnob> smolvlm_knobs(const SmolVlmConfig& config) {
  std::vector<ImageKnob> knobs(kSmolVlmKnobs.begin(), kSmolVlmKnobs.end());
  const SmolVlmImageConfig& image = config.image;
  knobs[0].max = kMaxTilesOfSide * image.tile;
  knobs[0].fallback = image.longest_edge;
  knobs[0].low = image.tile;
  knobs[0].high = image.longest_edge;
  knobs[1].fallback = image.do_image_splitting ? 1 : 0;
  return knobs;
}

Result<ImagePlan> plan_smolvlm_image(const SmolVlmConfig& config, int width, int height,
                                     const ImageOptions& options) {
  OC_ASSIGN_OR_RETURN(const KnobValues knobs, knob_values(smolvlm_knobs(config), options));
  const int longest_edge = knobs.find("longest_edge")->second;
  const bool split = knobs.find("do_image_splitting")->second == 1;
  OC_ASSIGN_OR_RETURN(const TilePlan tiles,
                      plan_tiles(width, height, config.image.tile, longest_edge, split));
  const int per_view = config.view_tokens();
  ImagePlan plan;
  plan.width = width;
  plan.height = height;
  plan.views = tiles.views();
  plan.tokens = plan.views * per_view;
  const auto side = static_cast<std::size_t>(tiles.tile);
  plan.bytes = static_cast<std::size_t>(plan.views) * 3 * side * side * sizeof(float);
  // Two markers of each tile, the ends of rows, three around the global view.
  plan.description = describe(tiles, longest_edge, split,
                              tiles.rows * tiles.cols * (per_view + 2) + tiles.rows + per_view + 3);
  plan.family = family_part(tiles);
  return plan;
}

FrameRules smolvlm_frames(const SmolVlmConfig& config) {
  return {.max_frames = config.image.max_frames,
          .knobs = {{"longest_edge", config.image.frame_edge}, {"do_image_splitting", 1}}};
}

SampleImage sample_smolvlm_image(const SmolVlmConfig& config, int tower_runs) {
  const int tile = config.image.tile;
  int rows = 1, cols = 1, views = 1;  // of the grid that comes nearest
  for (int c = 2; c <= kMaxTilesOfSide; ++c)
    for (int r = 1; r <= c; ++r)
      if (std::abs(r * c + 1 - tower_runs) < std::abs(views - tower_runs)) {
        rows = r;
        cols = c;
        views = r * c + 1;
      }
  SampleImage sample{.width = cols * tile, .height = rows * tile};
  sample.options.knobs = {{"longest_edge", cols * tile}, {"do_image_splitting", 1}};
  const auto plan = plan_smolvlm_image(config, sample.width, sample.height, sample.options);
  OC_CHECK(plan.ok(), "a picture of {} views cannot be planned", views);
  sample.tower_runs = plan->views;  // more where a side of tiles is odd: it is made even
  return sample;
}

TilePlan smolvlm_tile_plan(const ImagePlan& plan) {
  const std::vector<int> n = plan_numbers(plan, kLayout, 7);
  const TilePlan tiles{.tile = n[0],
                       .resize_width = n[1],
                       .resize_height = n[2],
                       .canvas_width = n[3],
                       .canvas_height = n[4],
                       .rows = n[5],
                       .cols = n[6]};
  OC_CHECK(tiles.views() == plan.views, "planned {} views, not {}", plan.views, tiles.views());
  return tiles;
}

}  // namespace oc
