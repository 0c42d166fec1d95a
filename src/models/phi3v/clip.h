// The CLIP ViT vision tower, up to the hidden state that Phi-3.5-Vision reads.
#pragma once

#include <span>

#include "models/phi3v/config.h"
#include "models/phi3v/weights.h"
#include "ops/taps.h"

namespace oc {

// One view [3, S, S] → hidden state −2, [P + 1, C], class token first. tap_prefix is put before
// "hidden<i>" (0: after pre_layrnorm, i: after layer i). (modeling_clip.py, CLIPVisionTransformer)
Tensor clip_hidden(Engine& engine, const ClipConfig& config, const ClipWeights& weights,
                   std::span<const float> view, const Tap* tap, const std::string& tap_prefix);

}  // namespace oc
