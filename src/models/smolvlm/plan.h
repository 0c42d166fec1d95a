// How SmolVLM2 is shown a picture: cut into tiles, as many as longest_edge makes, and a global view
// behind them; or as one view.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "models/golden.h"
#include "models/smolvlm/tiles.h"

namespace oc {

// What both checkpoints' sizes allow together: tiles of 512 or 384 pixels.
inline constexpr std::array<ImageKnob, 2> kSmolVlmKnobs = {
    ImageKnob{.name = "longest_edge",
              .unit = "pixel",
              .meaning = "Long side that a picture is brought to before it is cut into tiles",
              .min = 1,
              .max = kMaxTilesOfSide * 512,
              .fallback = 4 * 512,
              .low = 512,
              .high = 4 * 512},
    ImageKnob{.name = "do_image_splitting",
              .unit = "",
              .meaning = "Whether a picture is cut into tiles (1), or shown as one view (0)",
              .min = 0,
              .max = 1,
              .fallback = 1,
              .high = 1}};

// With the checkpoint's tile and defaults: `low` is one view, `high` what it is published with.
std::vector<ImageKnob> smolvlm_knobs(const SmolVlmConfig& config);

Result<ImagePlan> plan_smolvlm_image(const SmolVlmConfig& config, int width, int height,
                                     const ImageOptions& options);
// A frame is one view, whatever the knobs of pictures.
FrameRules smolvlm_frames(const SmolVlmConfig& config);

// As of Model.
SampleImage sample_smolvlm_image(const SmolVlmConfig& config, int tower_runs);

// What was planned.
TilePlan smolvlm_tile_plan(const ImagePlan& plan);

// The golden README's: the streams of its checkpoints are small.
inline constexpr GoldenLimits kSmolVlmGoldenLimits = {
    .vision_layers = 1e-5, .image_embeds = 5e-6, .layers = 2e-5};

// As of Architecture.
std::optional<KnobValues> smolvlm_golden_knobs(const boost::json::object& c,
                                               std::span<const ImageKnob> knobs);
void check_smolvlm_golden_image(const GoldenImage& picture, GoldenChecks& checks);

}  // namespace oc
