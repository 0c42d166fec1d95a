// Every tensor of a Moondream2 checkpoint, under the names that its file has, checked by shape and
// prepared by an engine.
#pragma once

#include <string>
#include <vector>

#include "models/blocks/siglip.h"
#include "models/moondream/config.h"

namespace oc {

// What names begin with: the hub's, or those of mlx-vlm's conversions.
struct MoondreamNames {
  std::string embed = "model.text.wte";
  bool bare_embed = true;  // a tensor of this very name; with ".weight" where it is quantised
  std::string layers = "model.text.blocks.";
  std::string norm = "model.text.post_ln";
  std::string lm_head = "model.text.lm_head";
  std::string tower = "model.vision.";  // "patch_emb", "pos_emb", "blocks.", "post_ln"
  std::string projection = "model.vision.proj_mlp.";
  std::string region = "model.region.";
  bool has_region = true;  // mlx-vlm leaves it out
};
// As the checkpoint has them; the hub's where it has neither.
MoondreamNames moondream_names(const Checkpoint& checkpoint);

// fc2(gelu(fc1(x)))
struct MoondreamMlp {
  LinearPtr fc1, fc2;
};

struct MoondreamLayer {
  NormPtr ln;           // [D], before both halves
  LinearPtr qkv, proj;  // [3D, D], [D, D]
  MoondreamMlp mlp;     // [F, D], [D, F]
};

struct MoondreamRegion {
  std::vector<float> coord_features;         // [coord/2], radians of a whole side over 2π
  std::vector<float> size_features;          // [2, size/2]
  LinearPtr coord_encoder, size_encoder;     // [D, coord], [D, size]
  MoondreamMlp coord_decoder, size_decoder;  // to bins of x or y; to those of width, then height
};

struct MoondreamWeights {
  TablePtr embed;  // [V, D]
  std::vector<MoondreamLayer> layers;
  NormPtr norm;       // [D]
  LinearPtr lm_head;  // [V, D]
  SiglipWeights vision;
  MoondreamMlp projection;  // [I, 2C], [D, I]
  std::optional<MoondreamRegion> region;
};

// Errors name the file and tensor, and both shapes. kUnsupported: a layout of 2024, or the packed
// release of 2025-05.
Result<MoondreamWeights> load_moondream_weights(const Checkpoint& checkpoint,
                                                const MoondreamConfig& config, Engine& engine);

// What the decoder's matrices are stored as, told from one of them.
Result<WeightType> moondream_weight_type(const Checkpoint& checkpoint,
                                         const MoondreamConfig& config);

// All tensors, in the order of execution.
std::vector<ExpectedTensor> moondream_tensors(const MoondreamConfig& config,
                                              const MoondreamNames& names);

}  // namespace oc
