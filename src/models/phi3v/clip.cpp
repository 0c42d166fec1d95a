#include "models/phi3v/clip.h"

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

Tensor clip_layer(Engine& engine, const AttendSpec& spec, const ClipLayer& layer, Tensor x) {
  const std::int64_t tokens = x.rows();
  Tensor qkv = engine.linear(x, *layer.qkv_proj, {.norm = layer.layer_norm1.get()});  // [P+1, 3C]
  Tensor att = engine.attend_full(std::move(qkv), spec, tokens);                      // [P+1, C]
  x = engine.linear(std::move(att), *layer.out_proj, {.add = std::move(x)});
  Tensor hidden = engine.linear(  // [P+1, M]
      x, *layer.fc1, {.norm = layer.layer_norm2.get(), .activation = Activation::kQuickGelu});
  return engine.linear(std::move(hidden), *layer.fc2, {.add = std::move(x)});
}

}  // namespace

Tensor clip_hidden(Engine& engine, const ClipConfig& config, const ClipWeights& weights,
                   std::span<const float> view, const Tap* tap, const std::string& tap_prefix) {
  const int p = config.patch_size;
  Tensor patches =
      engine.upload(cut_patches(config, view), config.patches(), std::int64_t{3} * p * p);
  patches = engine.linear(std::move(patches), *weights.patch_embedding, {});  // [P, C]
  std::vector<std::int64_t> rows(static_cast<std::size_t>(config.patches() + 1));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  const Tensor sources[] = {weights.class_embedding, std::move(patches)};
  Tensor x = engine.gather(sources, rows, 1);  // [P+1, C]
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
