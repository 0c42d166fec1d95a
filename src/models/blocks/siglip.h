// The SigLIP vision tower: no class token, no norm in front, tanh GELU, every layer and a norm
// behind.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/blocks/vit.h"
#include "models/expected_tensors.h"
#include "ops/taps.h"

namespace oc {

// As config.json names them.
struct SiglipConfig {
  std::int64_t hidden_size = 0;  // C
  int layers = 0;
  int heads = 0;
  std::int64_t intermediate_size = 0;
  int image_size = 0;  // S, side of a view in pixels
  int patch_size = 0;  // p
  float layer_norm_eps = 1e-6f;

  int grid() const { return image_size / patch_size; }                    // whole patches a side
  std::int64_t patches() const { return std::int64_t{grid()} * grid(); }  // P
};

struct SiglipWeights {
  PatchEmbedding patch_embedding;  // [C, p·p·3] + bias
  TablePtr position_embedding;     // [P, C]
  std::vector<VitLayer> layers;
  NormPtr post_layernorm;  // [C]
};

// `at`: what the names begin with, up to "embeddings." and "encoder.".
Result<SiglipWeights> load_siglip(const WeightLoader& load, const std::string& at,
                                  const SiglipConfig& siglip);
std::vector<ExpectedTensor> siglip_tensors(const std::string& at, const SiglipConfig& siglip);

// One view [3, S, S] → features [P, C], patches row by row. tap_prefix is put before "hidden<i>"
// (0: patches and positions, i: after layer i) and "features".
// (modeling_smolvlm.py, SmolVLMVisionTransformer)
Tensor siglip_features(Engine& engine, const SiglipConfig& config, const SiglipWeights& weights,
                       std::span<const float> view, const Tap* tap, const std::string& tap_prefix);

}  // namespace oc
