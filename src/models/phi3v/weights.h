// Every tensor of a Phi-3.5-Vision checkpoint, under the checkpoint's own names, checked by shape
// and prepared by an engine. https://huggingface.co/microsoft/Phi-3.5-vision-instruct
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/phi3v/config.h"
#include "ops/engine.h"

namespace oc {

struct ClipLayer {
  NormPtr layer_norm1, layer_norm2;  // [C]
  LinearPtr qkv_proj;                // q_proj, k_proj, v_proj stacked: [3C, C] + bias
  LinearPtr out_proj;                // [C, C] + bias
  LinearPtr fc1, fc2;                // [M, C], [C, M] + bias; M intermediate_size
};

struct ClipWeights {
  LinearPtr patch_embedding;      // [C, S_p·S_p·3], columns in (y, x, channel) order, no bias
  Tensor class_embedding;         // [1, C]
  TablePtr position_embedding;    // [P + 1, C]
  NormPtr pre_layrnorm;           // that spelling
  std::vector<ClipLayer> layers;  // all but the last, which nothing reads
};

struct DecoderLayer {
  NormPtr input_layernorm, post_attention_layernorm;  // [D]
  LinearPtr qkv_proj;                                 // [(H+2G)·d, D]
  LinearPtr o_proj;                                   // [D, H·d]
  LinearPtr gate_up_proj;                             // [2F, D], gate first
  LinearPtr down_proj;                                // [D, F]
};

struct Phi3VWeights {
  TablePtr embed_tokens;  // [V, D]
  std::vector<DecoderLayer> layers;
  NormPtr norm;       // [D]
  LinearPtr lm_head;  // [V, D]
  ClipWeights clip;
  Tensor sub_GN, glb_GN;  // [1, 4C]: end of a row of image tokens; between crops and global view
  LinearPtr img_projection_0, img_projection_2;  // [D, 4C], [D, D] + bias
  // Reordered copies that engines point into (the patch convolution).
  std::vector<std::shared_ptr<const std::vector<float>>> owned;
};

// Errors name the file and tensor, and both shapes.
Result<Phi3VWeights> load_phi3v_weights(const Checkpoint& checkpoint, const Phi3VConfig& config,
                                        Engine& engine);

// A tensor that the architecture requires. A matrix may be stored quantised.
struct ExpectedTensor {
  std::string name;  // for a matrix: with ".weight"
  Shape shape;       // as unquantised, in Microsoft's layout
  bool matrix = false;
};
// All of them, the unused last vision layer and post_layernorm included, in the order of execution.
std::vector<ExpectedTensor> phi3v_tensors(const Phi3VConfig& config);

}  // namespace oc
