// How Phi-3.5-Vision is shown a picture: cut into crops, as many as num_crops allows, and a global
// view.
#pragma once

#include <array>

#include "models/golden.h"
#include "models/phi3v/config.h"

namespace oc {

// 64 crops are 9,361 positions. 16 is what the model's authors use for one picture.
inline constexpr std::array<ImageKnob, 1> kPhi3VKnobs = {
    ImageKnob{.name = "num_crops",
              .unit = "crop",
              .meaning = "Most crops a picture is cut into",
              .min = 1,
              .max = kMaxCrops,
              .fallback = 4,
              .low = 1,
              .high = 16}};

// With the checkpoint's default.
std::vector<ImageKnob> phi3v_knobs(const Phi3VConfig& config);

// Sizes and number of prompt positions for a picture: (h·w + 1)·g² + 1 + (h + 1)·g.
Result<ImagePlan> plan_phi3v_image(const Phi3VConfig& config, int width, int height,
                                   const ImageOptions& options);
// As of Model.
SampleImage sample_phi3v_image(const Phi3VConfig& config, int tower_runs);

// What hd_transform() needs to do what was planned.
HdParams phi3v_hd_params(const Phi3VConfig& config, const ImagePlan& plan);

// As of Architecture: sizes, canvas and the views' pixels.
void check_phi3v_golden_image(const GoldenImage& picture, GoldenChecks& checks);

}  // namespace oc
