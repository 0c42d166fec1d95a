#include "models/blocks/siglip.h"

#include <fmt/format.h>

namespace oc {
namespace {

VitLayerSizes layer_sizes(const SiglipConfig& siglip) {
  return {.width = siglip.hidden_size,
          .mlp = siglip.intermediate_size,
          .heads = siglip.heads,
          .eps = siglip.layer_norm_eps};
}

}  // namespace

Result<SiglipWeights> load_siglip(const WeightLoader& load, const std::string& at,
                                  const SiglipConfig& siglip) {
  const std::int64_t c = siglip.hidden_size;
  SiglipWeights w;
  OC_ASSIGN_OR_RETURN(
      w.patch_embedding,
      load_patch_embedding(load, at + "embeddings.patch_embedding", c, siglip.patch_size, true));
  OC_ASSIGN_OR_RETURN(w.position_embedding,
                      load.table(at + "embeddings.position_embedding", siglip.patches(), c));
  for (int i = 0; i < siglip.layers; ++i) {
    OC_ASSIGN_OR_RETURN(
        VitLayer layer,
        load_vit_layer(load, fmt::format("{}encoder.layers.{}.", at, i), layer_sizes(siglip)));
    w.layers.push_back(std::move(layer));
  }
  OC_ASSIGN_OR_RETURN(w.post_layernorm,
                      load.layer_norm(at + "post_layernorm", c, siglip.layer_norm_eps));
  return w;
}

std::vector<ExpectedTensor> siglip_tensors(const std::string& at, const SiglipConfig& siglip) {
  std::vector<ExpectedTensor> out;
  const std::int64_t c = siglip.hidden_size, p = siglip.patch_size;
  out.push_back({at + "embeddings.patch_embedding.weight", Shape{c, 3, p, p}});
  out.push_back({at + "embeddings.patch_embedding.bias", Shape{c}});
  out.push_back({at + "embeddings.position_embedding.weight", Shape{siglip.patches(), c}, true});
  for (int i = 0; i < siglip.layers; ++i)
    add_vit_layer_tensors(fmt::format("{}encoder.layers.{}.", at, i), layer_sizes(siglip), true,
                          out);
  out.push_back({at + "post_layernorm.weight", Shape{c}});
  out.push_back({at + "post_layernorm.bias", Shape{c}});
  return out;
}

Tensor siglip_features(Engine& engine, const SiglipConfig& config, const SiglipWeights& weights,
                       std::span<const float> view, const Tap* tap, const std::string& tap_prefix) {
  const int p = config.patch_size;
  Tensor patches = engine.upload(cut_patches(view, config.image_size, p), config.patches(),
                                 std::int64_t{3} * p * p);
  Tensor x = engine.linear(std::move(patches), *weights.patch_embedding.linear, {});  // [P, C]
  x = engine.add_table(std::move(x), *weights.position_embedding);
  if (tap != nullptr) (*tap)(tap_prefix + "hidden0", x);
  int index = 0;
  for (const VitLayer& layer : weights.layers) {
    x = vit_layer(engine, layer, layer_sizes(config), Activation::kGeluTanh, std::move(x));
    if (tap != nullptr) (*tap)(fmt::format("{}hidden{}", tap_prefix, ++index), x);
  }
  x = engine.norm(std::move(x), *weights.post_layernorm);
  if (tap != nullptr) (*tap)(tap_prefix + "features", x);
  return x;
}

}  // namespace oc
