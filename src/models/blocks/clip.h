// The CLIP ViT vision tower, up to the hidden state before the last, which vision-language models
// read: its weights under the names that follow a prefix, and its forward pass.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/blocks/clip_config.h"
#include "models/blocks/vit.h"
#include "models/expected_tensors.h"
#include "ops/taps.h"

namespace oc {

struct ClipWeights {
  PatchEmbedding patch_embedding;  // [C, p·p·3], no bias
  Tensor class_embedding;          // [1, C]; empty without a class token
  TablePtr position_embedding;     // [T, C]
  NormPtr pre_layrnorm;            // that spelling
  std::vector<VitLayer> layers;    // all but the last, which nothing reads
};

// `at`: what the names begin with, up to "embeddings." and "encoder.".
Result<ClipWeights> load_clip(const WeightLoader& load, const std::string& at,
                              const ClipConfig& clip);
// The last layer and post_layernorm included, which are not read.
std::vector<ExpectedTensor> clip_tensors(const std::string& at, const ClipConfig& clip);

// One view [3, S, S] → hidden state −2, [T, C]: the class token, where there is one, then patches.
// tap_prefix is put before "hidden<i>" (0: after pre_layrnorm, i: after layer i).
// (modeling_clip.py, CLIPVisionTransformer)
Tensor clip_hidden(Engine& engine, const ClipConfig& config, const ClipWeights& weights,
                   std::span<const float> view, const Tap* tap, const std::string& tap_prefix);

}  // namespace oc
