// From a picture to the rows that stand for it in the prompt: tiles, tower, HD merge, projector.
#pragma once

#include <memory>

#include "models/phi3v/config.h"
#include "models/phi3v/weights.h"

namespace oc {

// Preprocesses now (any thread, no engine), encodes view by view in step(). Engine, config and
// weights must outlive it. The tap sees "vision.<view>.hidden<i>" and "image.embeds".
Result<std::unique_ptr<ImageEncoding>> begin_phi3v_image(Engine& engine, const Phi3VConfig& config,
                                                         const Phi3VWeights& weights,
                                                         const Image& image, const ImagePlan& plan,
                                                         const Tap* tap,
                                                         const Interrupt& interrupt = {});

}  // namespace oc
