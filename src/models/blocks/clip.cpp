#include "models/blocks/clip.h"

#include <fmt/format.h>

#include <numeric>
#include <vector>

namespace oc {
namespace {

VitLayerSizes layer_sizes(const ClipConfig& clip) {
  return {.width = clip.hidden_size,
          .mlp = clip.intermediate_size,
          .heads = clip.heads,
          .eps = clip.layer_norm_eps};
}

}  // namespace

Result<ClipWeights> load_clip(const WeightLoader& load, const std::string& at,
                              const ClipConfig& clip) {
  const std::int64_t c = clip.hidden_size;
  ClipWeights w;
  OC_ASSIGN_OR_RETURN(
      w.patch_embedding,
      load_patch_embedding(load, at + "embeddings.patch_embedding", c, clip.patch_size, false));
  if (clip.class_token) {
    OC_ASSIGN_OR_RETURN(w.class_embedding, load.row(at + "embeddings.class_embedding", Shape{c}));
  }
  OC_ASSIGN_OR_RETURN(w.position_embedding,
                      load.table(at + "embeddings.position_embedding", clip.rows(), c));
  OC_ASSIGN_OR_RETURN(w.pre_layrnorm, load.layer_norm(at + "pre_layrnorm", c, clip.layer_norm_eps));
  for (int i = 0; i + 1 < clip.layers; ++i) {
    OC_ASSIGN_OR_RETURN(
        VitLayer layer,
        load_vit_layer(load, fmt::format("{}encoder.layers.{}.", at, i), layer_sizes(clip)));
    w.layers.push_back(std::move(layer));
  }
  return w;
}

std::vector<ExpectedTensor> clip_tensors(const std::string& at, const ClipConfig& clip) {
  std::vector<ExpectedTensor> out;
  const std::int64_t c = clip.hidden_size, p = clip.patch_size;
  const auto vector = [&](const std::string& name, const Shape& shape) {
    out.push_back({name, shape, false});
  };
  const auto layer_norm = [&](const std::string& name) {
    vector(name + ".weight", Shape{c});
    vector(name + ".bias", Shape{c});
  };
  if (clip.class_token) vector(at + "embeddings.class_embedding", Shape{c});
  vector(at + "embeddings.patch_embedding.weight", Shape{c, 3, p, p});
  out.push_back({at + "embeddings.position_embedding.weight", Shape{clip.rows(), c}, true});
  layer_norm(at + "pre_layrnorm");
  for (int i = 0; i < clip.layers; ++i)
    add_vit_layer_tensors(fmt::format("{}encoder.layers.{}.", at, i), layer_sizes(clip),
                          i + 1 < clip.layers, out);
  layer_norm(at + "post_layernorm");
  for (ExpectedTensor& tensor : std::span(out).last(2)) tensor.read = false;
  return out;
}

Tensor clip_hidden(Engine& engine, const ClipConfig& config, const ClipWeights& weights,
                   std::span<const float> view, const Tap* tap, const std::string& tap_prefix) {
  const int p = config.patch_size;
  Tensor patches = engine.upload(cut_patches(view, config.image_size, p), config.patches(),
                                 std::int64_t{3} * p * p);
  Tensor x = engine.linear(std::move(patches), *weights.patch_embedding.linear, {});  // [P, C]
  if (config.class_token) {
    std::vector<std::int64_t> rows(static_cast<std::size_t>(config.rows()));
    std::iota(rows.begin(), rows.end(), std::int64_t{0});
    const Tensor sources[] = {weights.class_embedding, std::move(x)};
    x = engine.gather(sources, rows, 1);  // [T, C]
  }
  x = engine.add_table(std::move(x), *weights.position_embedding);
  x = engine.norm(std::move(x), *weights.pre_layrnorm);
  if (tap != nullptr) (*tap)(tap_prefix + "hidden0", x);

  int index = 0;
  for (const VitLayer& layer : weights.layers) {
    x = vit_layer(engine, layer, layer_sizes(config), Activation::kQuickGelu, std::move(x));
    if (tap != nullptr) (*tap)(fmt::format("{}hidden{}", tap_prefix, ++index), x);
  }
  return x;
}

}  // namespace oc
