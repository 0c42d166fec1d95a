// What the layers of vision transformers share: patches, and blocks with norms in front whose rows
// attend to each other in both directions. Names are Hugging Face's.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/blocks/weight_loader.h"
#include "models/expected_tensors.h"

namespace oc {

// A view [3, S, S] cut into squares of p pixels; what is left over on the right and at the bottom
// is not seen. → [P, p·p·3], columns in (y, x, channel) order
std::vector<float> cut_patches(std::span<const float> view, int image_size, int patch_size);

// The patch convolution, whose stride is its kernel, as a matrix [C, p·p·3] with columns in (y, x,
// channel) order.
struct PatchEmbedding {
  LinearPtr linear;
  std::shared_ptr<const std::vector<float>> values;  // reordered: engines point into them
};
// From `name`.weight in one of three layouts: [C, 3, p, p] as PyTorch stores it, [C, p, p, 3] as
// MLX does, or [C, 3·p·p], a linear layer over (channel, y, x). With p = 3 the first two look
// alike; MLX's own rule then takes it for the first, and so do we.
Result<PatchEmbedding> load_patch_embedding(const WeightLoader& load, const std::string& name,
                                            std::int64_t width, int patch_size, bool bias);

struct VitLayer {
  NormPtr layer_norm1, layer_norm2;  // [C]
  LinearPtr qkv_proj;                // q_proj, k_proj, v_proj stacked: [3C, C] + bias
  LinearPtr out_proj;                // [C, C] + bias
  LinearPtr fc1, fc2;                // [M, C], [C, M] + bias
};
struct VitLayerSizes {
  std::int64_t width = 0;  // C
  std::int64_t mlp = 0;    // M
  int heads = 0;
  float eps = 0;  // of both norms
};
// `at`: what the names begin with, up to "layer_norm1".
Result<VitLayer> load_vit_layer(const WeightLoader& load, const std::string& at,
                                const VitLayerSizes& sizes);
// Appends what load_vit_layer() reads.
void add_vit_layer_tensors(const std::string& at, const VitLayerSizes& sizes, bool read,
                           std::vector<ExpectedTensor>& out);
// [T, C], all rows of one view → [T, C]
Tensor vit_layer(Engine& engine, const VitLayer& layer, const VitLayerSizes& sizes,
                 Activation activation, Tensor x);

}  // namespace oc
