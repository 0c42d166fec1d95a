// From a picture to the rows that stand for it in the prompt: tiles, tower, pixel shuffle,
// projection.
#pragma once

#include <memory>

#include "models/smolvlm/config.h"
#include "models/smolvlm/weights.h"

namespace oc {

// Preprocesses now (any thread, no engine), encodes view by view in step(). Engine, config and
// weights must outlive it. The tap sees "vision.<view>.hidden<i>", "vision.<view>.features" and
// "image.embeds".
Result<std::unique_ptr<ImageEncoding>> begin_smolvlm_image(
    Engine& engine, const SmolVlmConfig& config, const SmolVlmWeights& weights, const Image& image,
    const ImagePlan& plan, const Tap* tap, const Interrupt& interrupt = {});

}  // namespace oc
