// How Moondream2 is shown a picture: always the same number of rows, made of a global view and of
// as many overlapping crops as max_crops allows.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "models/golden.h"
#include "models/moondream/crops.h"

namespace oc {

inline constexpr std::array<ImageKnob, 1> kMoondreamKnobs = {
    ImageKnob{.name = "max_crops",
              .unit = "crop",
              .meaning = "Most overlapping crops a picture is cut into, beside the global view",
              .min = 1,
              .max = 12,
              .fallback = 12,
              .low = 1,
              .high = 12}};

// With the checkpoint's bound.
std::vector<ImageKnob> moondream_knobs(const MoondreamConfig& config);

Result<ImagePlan> plan_moondream_image(const MoondreamConfig& config, int width, int height,
                                       const ImageOptions& options);
// As of Model.
SampleImage sample_moondream_image(const MoondreamConfig& config, int tower_runs);

// What was planned.
CropPlan moondream_crop_plan(const ImagePlan& plan);

// The golden README's.
inline constexpr GoldenLimits kMoondreamGoldenLimits = {
    .vision_layers = 1e-5, .image_embeds = 5e-6, .layers = 2e-5};

// As of Architecture.
std::optional<KnobValues> moondream_golden_knobs(const boost::json::object& c,
                                                 std::span<const ImageKnob> knobs);
void check_moondream_golden_image(const GoldenImage& picture, GoldenChecks& checks);

}  // namespace oc
