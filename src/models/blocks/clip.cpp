#include "models/blocks/clip.h"

#include <fmt/format.h>

#include <cmath>
#include <numeric>
#include <vector>

namespace oc {
namespace {

// A convolution whose stride is its kernel is a matrix product over patches:
// [3, S, S] → [P, p·p·3], columns in (y, x, channel) order.
std::vector<float> cut_patches(const ClipConfig& config, std::span<const float> view) {
  const int side = config.image_size, p = config.patch_size, grid = config.grid();
  const auto plane = static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
  std::vector<float> out(static_cast<std::size_t>(config.patches()) * 3u *
                         static_cast<std::size_t>(p * p));
  std::size_t at = 0;
  for (int py = 0; py < grid; ++py)
    for (int px = 0; px < grid; ++px)
      for (int y = 0; y < p; ++y) {
        const std::size_t row =
            static_cast<std::size_t>(py * p + y) * static_cast<std::size_t>(side);
        for (int x = 0; x < p; ++x)
          for (std::size_t channel = 0; channel < 3; ++channel)
            out[at++] = view[channel * plane + row + static_cast<std::size_t>(px * p + x)];
      }
  return out;
}

Tensor clip_layer(Engine& engine, AttendSpec spec, const ClipLayer& layer, Tensor x) {
  const std::int64_t tokens = x.rows();
  Tensor qkv = engine.linear(x, *layer.qkv_proj, {.norm = layer.layer_norm1.get()});  // [T, 3C]
  spec.may_round = layer.qkv_proj->rounds_input;
  Tensor att = engine.attend_full(std::move(qkv), spec, tokens);  // [T, C]
  x = engine.linear(std::move(att), *layer.out_proj, {.add = std::move(x)});
  Tensor hidden = engine.linear(  // [T, M]
      x, *layer.fc1, {.norm = layer.layer_norm2.get(), .activation = Activation::kQuickGelu});
  return engine.linear(std::move(hidden), *layer.fc2, {.add = std::move(x)});
}

// The patch convolution as a matrix [C, p·p·3] with columns in (y, x, channel) order, from either
// layout: [C, 3, p, p] as Microsoft stores it, [C, p, p, 3] as MLX does. With p = 3 the two look
// alike; MLX's own rule then takes it for OIHW, and so do we.
Result<std::vector<float>> patch_matrix(const Checkpoint& checkpoint, const std::string& at,
                                        const ClipConfig& clip) {
  const std::string name = at + "embeddings.patch_embedding.weight";
  const std::int64_t c = clip.hidden_size, p = clip.patch_size;
  const TensorView* found = checkpoint.find(name);
  const Shape oihw{c, 3, p, p}, ohwi{c, p, p, 3};
  if (found != nullptr && found->shape == ohwi && !(oihw == ohwi)) {
    OC_ASSIGN_OR_RETURN(const TensorView view, checkpoint.tensor(name, ohwi));
    return to_f32(view);
  }
  OC_ASSIGN_OR_RETURN(const TensorView view, checkpoint.tensor(name, oihw));
  const std::vector<float> in = to_f32(view);
  std::vector<float> out(in.size());
  std::size_t next = 0;
  for (std::int64_t o = 0; o < c; ++o)
    for (std::int64_t y = 0; y < p; ++y)
      for (std::int64_t x = 0; x < p; ++x)
        for (std::int64_t channel = 0; channel < 3; ++channel)
          out[next++] = in[static_cast<std::size_t>(((o * 3 + channel) * p + y) * p + x)];
  return out;
}

Result<LinearPtr> load_patch_embedding(const WeightLoader& load, const std::string& at,
                                       const ClipConfig& clip, ClipWeights& out) {
  OC_ASSIGN_OR_RETURN(std::vector<float> values, patch_matrix(load.checkpoint(), at, clip));
  auto owned = std::make_shared<const std::vector<float>>(std::move(values));
  out.owned.push_back(owned);
  RawMatrix raw;
  raw.name = at + "embeddings.patch_embedding";
  raw.rows = clip.hidden_size;
  raw.cols = std::int64_t{3} * clip.patch_size * clip.patch_size;
  raw.weight.name = raw.name + ".weight";
  raw.weight.dtype = DType::kF32;
  raw.weight.shape = Shape{raw.rows, raw.cols};
  raw.weight.data = std::as_bytes(std::span(*owned));
  return load.engine().prepare_linear(std::span(&raw, 1));
}

Result<ClipLayer> load_clip_layer(const WeightLoader& load, const std::string& at,
                                  const ClipConfig& clip) {
  const std::int64_t c = clip.hidden_size, m = clip.intermediate_size;
  ClipLayer layer;
  OC_ASSIGN_OR_RETURN(layer.layer_norm1,
                      load.layer_norm(at + "layer_norm1", c, clip.layer_norm_eps));
  OC_ASSIGN_OR_RETURN(layer.layer_norm2,
                      load.layer_norm(at + "layer_norm2", c, clip.layer_norm_eps));
  const std::string attention = at + "self_attn.";
  OC_ASSIGN_OR_RETURN(
      layer.qkv_proj,
      load.stacked({attention + "q_proj", attention + "k_proj", attention + "v_proj"}, c, c, true));
  OC_ASSIGN_OR_RETURN(layer.out_proj, load.linear(attention + "out_proj", c, c, true));
  OC_ASSIGN_OR_RETURN(layer.fc1, load.linear(at + "mlp.fc1", m, c, true));
  OC_ASSIGN_OR_RETURN(layer.fc2, load.linear(at + "mlp.fc2", c, m, true));
  return layer;
}

}  // namespace

Result<ClipWeights> load_clip(const WeightLoader& load, const std::string& at,
                              const ClipConfig& clip) {
  const std::int64_t c = clip.hidden_size;
  ClipWeights w;
  OC_ASSIGN_OR_RETURN(w.patch_embedding, load_patch_embedding(load, at, clip, w));
  if (clip.class_token) {
    OC_ASSIGN_OR_RETURN(w.class_embedding, load.row(at + "embeddings.class_embedding", Shape{c}));
  }
  OC_ASSIGN_OR_RETURN(w.position_embedding,
                      load.table(at + "embeddings.position_embedding", clip.rows(), c));
  OC_ASSIGN_OR_RETURN(w.pre_layrnorm, load.layer_norm(at + "pre_layrnorm", c, clip.layer_norm_eps));
  for (int i = 0; i + 1 < clip.layers; ++i) {
    OC_ASSIGN_OR_RETURN(ClipLayer layer,
                        load_clip_layer(load, fmt::format("{}encoder.layers.{}.", at, i), clip));
    w.layers.push_back(std::move(layer));
  }
  return w;
}

std::vector<ExpectedTensor> clip_tensors(const std::string& at, const ClipConfig& clip) {
  std::vector<ExpectedTensor> out;
  const std::int64_t c = clip.hidden_size, p = clip.patch_size;
  bool read = true;
  const auto vector = [&](const std::string& name, const Shape& shape) {
    out.push_back({name, shape, false, read});
  };
  const auto matrix = [&](const std::string& name, std::int64_t rows, std::int64_t cols) {
    out.push_back({name + ".weight", Shape{rows, cols}, true, read});
  };
  const auto biased = [&](const std::string& name, std::int64_t rows, std::int64_t cols) {
    matrix(name, rows, cols);
    vector(name + ".bias", Shape{rows});
  };
  const auto layer_norm = [&](const std::string& name) {
    vector(name + ".weight", Shape{c});
    vector(name + ".bias", Shape{c});
  };
  if (clip.class_token) vector(at + "embeddings.class_embedding", Shape{c});
  vector(at + "embeddings.patch_embedding.weight", Shape{c, 3, p, p});
  matrix(at + "embeddings.position_embedding", clip.rows(), c);
  layer_norm(at + "pre_layrnorm");
  for (int i = 0; i < clip.layers; ++i) {
    const std::string layer = fmt::format("{}encoder.layers.{}.", at, i);
    read = i + 1 < clip.layers;
    layer_norm(layer + "layer_norm1");
    for (const char* name : {"q_proj", "k_proj", "v_proj", "out_proj"})
      biased(layer + "self_attn." + name, c, c);
    layer_norm(layer + "layer_norm2");
    biased(layer + "mlp.fc1", clip.intermediate_size, c);
    biased(layer + "mlp.fc2", c, clip.intermediate_size);
  }
  layer_norm(at + "post_layernorm");
  return out;
}

Tensor clip_hidden(Engine& engine, const ClipConfig& config, const ClipWeights& weights,
                   std::span<const float> view, const Tap* tap, const std::string& tap_prefix) {
  const int p = config.patch_size;
  Tensor patches =
      engine.upload(cut_patches(config, view), config.patches(), std::int64_t{3} * p * p);
  Tensor x = engine.linear(std::move(patches), *weights.patch_embedding, {});  // [P, C]
  if (config.class_token) {
    std::vector<std::int64_t> rows(static_cast<std::size_t>(config.rows()));
    std::iota(rows.begin(), rows.end(), std::int64_t{0});
    const Tensor sources[] = {weights.class_embedding, std::move(x)};
    x = engine.gather(sources, rows, 1);  // [T, C]
  }
  x = engine.add_table(std::move(x), *weights.position_embedding);
  x = engine.norm(std::move(x), *weights.pre_layrnorm);
  if (tap != nullptr) (*tap)(tap_prefix + "hidden0", x);

  const int head_dim = static_cast<int>(config.hidden_size) / config.heads;
  const AttendSpec spec{.heads = config.heads,
                        .kv_heads = config.heads,
                        .head_dim = head_dim,
                        .scale = 1.0f / std::sqrt(static_cast<float>(head_dim)),
                        .layer = 0};
  int index = 0;
  for (const ClipLayer& layer : weights.layers) {
    x = clip_layer(engine, spec, layer, std::move(x));
    if (tap != nullptr) (*tap)(fmt::format("{}hidden{}", tap_prefix, ++index), x);
  }
  return x;
}

}  // namespace oc
