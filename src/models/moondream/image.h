// From a picture to the rows that stand for it in the prompt: crops, tower, reconstruction,
// pooling, projection.
#pragma once

#include <memory>

#include "models/moondream/crops.h"
#include "models/moondream/weights.h"

namespace oc {

// Preprocesses now (any thread, no engine), encodes view by view in step(). Engine, config and
// weights must outlive it. The tap sees "vision.<view>.hidden<i>", "vision.<view>.features",
// "vision.pooled" and "image.embeds".
Result<std::unique_ptr<ImageEncoding>> begin_moondream_image(
    Engine& engine, const MoondreamConfig& config, const MoondreamWeights& weights,
    const Image& image, const ImagePlan& plan, const Tap* tap, const Interrupt& interrupt = {});

// fc2(gelu(fc1(x)))
Tensor moondream_mlp(Engine& engine, const MoondreamMlp& mlp, Tensor x);

// Features of the crops as one grid [height · width, C], averaged to `side` rows and columns whose
// bounds are those of PyTorch's adaptive pooling. → [side · side, C]
std::vector<float> pool_features(const std::vector<float>& grid, int height, int width,
                                 std::int64_t channels, int side);

}  // namespace oc
