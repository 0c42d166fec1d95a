#include "models/blocks/vit.h"

#include <cmath>

namespace oc {
namespace {

Result<std::vector<float>> patch_matrix(const Checkpoint& checkpoint, const std::string& name,
                                        std::int64_t c, std::int64_t p) {
  const TensorView* found = checkpoint.find(name);
  const Shape oihw{c, 3, p, p}, ohwi{c, p, p, 3};
  if (found != nullptr && found->shape == ohwi && !(oihw == ohwi)) {
    OC_ASSIGN_OR_RETURN(const TensorView view, checkpoint.tensor(name, ohwi));
    return to_f32(view);
  }
  const Shape flat{c, 3 * p * p};  // the same numbers in the same order as [C, 3, p, p]
  const bool is_flat = found != nullptr && found->shape == flat;
  OC_ASSIGN_OR_RETURN(const TensorView view, checkpoint.tensor(name, is_flat ? flat : oihw));
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

}  // namespace

std::vector<float> cut_patches(std::span<const float> view, int image_size, int patch_size) {
  const int grid = image_size / patch_size;
  const auto side = static_cast<std::size_t>(image_size), plane = side * side;
  std::vector<float> out(3 * static_cast<std::size_t>(grid * patch_size) *
                         static_cast<std::size_t>(grid * patch_size));
  std::size_t at = 0;
  for (int py = 0; py < grid; ++py)
    for (int px = 0; px < grid; ++px)
      for (int y = 0; y < patch_size; ++y) {
        const std::size_t row = static_cast<std::size_t>(py * patch_size + y) * side;
        for (int x = 0; x < patch_size; ++x)
          for (std::size_t channel = 0; channel < 3; ++channel)
            out[at++] = view[channel * plane + row + static_cast<std::size_t>(px * patch_size + x)];
      }
  return out;
}

Result<PatchEmbedding> load_patch_embedding(const WeightLoader& load, const std::string& name,
                                            std::int64_t width, int patch_size, bool bias) {
  OC_ASSIGN_OR_RETURN(std::vector<float> values,
                      patch_matrix(load.checkpoint(), name + ".weight", width, patch_size));
  PatchEmbedding out;
  out.values = std::make_shared<const std::vector<float>>(std::move(values));
  RawMatrix raw;
  raw.name = name;
  raw.rows = width;
  raw.cols = std::int64_t{3} * patch_size * patch_size;
  raw.weight.name = name + ".weight";
  raw.weight.dtype = DType::kF32;
  raw.weight.shape = Shape{raw.rows, raw.cols};
  raw.weight.data = std::as_bytes(std::span(*out.values));
  if (bias) {
    OC_ASSIGN_OR_RETURN(raw.bias, load.checkpoint().tensor(name + ".bias", Shape{width}));
  }
  OC_ASSIGN_OR_RETURN(out.linear, load.engine().prepare_linear(std::span(&raw, 1)));
  return out;
}

Result<VitLayer> load_vit_layer(const WeightLoader& load, const std::string& at,
                                const VitLayerSizes& sizes) {
  const std::int64_t c = sizes.width, m = sizes.mlp;
  VitLayer layer;
  OC_ASSIGN_OR_RETURN(layer.layer_norm1, load.layer_norm(at + "layer_norm1", c, sizes.eps));
  OC_ASSIGN_OR_RETURN(layer.layer_norm2, load.layer_norm(at + "layer_norm2", c, sizes.eps));
  const std::string attention = at + "self_attn.";
  OC_ASSIGN_OR_RETURN(layer.qkv_proj, load.stacked({{attention + "q_proj", c},
                                                    {attention + "k_proj", c},
                                                    {attention + "v_proj", c}},
                                                   c, true));
  // Of a quantised layer, one matrix may be left as it was: 4304 columns are no multiple of 64.
  const bool may_round = layer.qkv_proj->rounds_input;
  OC_ASSIGN_OR_RETURN(layer.out_proj, load.linear(attention + "out_proj", c, c, true, may_round));
  OC_ASSIGN_OR_RETURN(layer.fc1, load.linear(at + "mlp.fc1", m, c, true, may_round));
  OC_ASSIGN_OR_RETURN(layer.fc2, load.linear(at + "mlp.fc2", c, m, true, may_round));
  return layer;
}

void add_vit_layer_tensors(const std::string& at, const VitLayerSizes& sizes, bool read,
                           std::vector<ExpectedTensor>& out) {
  const std::int64_t c = sizes.width, m = sizes.mlp;
  const auto vector = [&](const std::string& name, std::int64_t width) {
    out.push_back({at + name, Shape{width}, false, read});
  };
  const auto biased = [&](const std::string& name, std::int64_t rows, std::int64_t cols) {
    out.push_back({at + name + ".weight", Shape{rows, cols}, true, read});
    vector(name + ".bias", rows);
  };
  vector("layer_norm1.weight", c);
  vector("layer_norm1.bias", c);
  for (const char* name : {"q_proj", "k_proj", "v_proj", "out_proj"})
    biased(std::string("self_attn.") + name, c, c);
  vector("layer_norm2.weight", c);
  vector("layer_norm2.bias", c);
  biased("mlp.fc1", m, c);
  biased("mlp.fc2", c, m);
}

Tensor vit_layer(Engine& engine, const VitLayer& layer, const VitLayerSizes& sizes,
                 Activation activation, Tensor x) {
  const int head_dim = static_cast<int>(sizes.width) / sizes.heads;
  const AttendSpec spec{.heads = sizes.heads,
                        .kv_heads = sizes.heads,
                        .head_dim = head_dim,
                        .scale = 1.0f / std::sqrt(static_cast<float>(head_dim)),
                        .layer = 0,
                        .may_round = layer.qkv_proj->rounds_input};
  const std::int64_t rows = x.rows();
  Tensor qkv = engine.linear(x, *layer.qkv_proj, {.norm = layer.layer_norm1.get()});  // [T, 3C]
  Tensor att = engine.attend_full(std::move(qkv), spec, rows);                        // [T, C]
  x = engine.linear(std::move(att), *layer.out_proj, {.add = std::move(x)});
  Tensor hidden = engine.linear(  // [T, M]
      x, *layer.fc1, {.norm = layer.layer_norm2.get(), .activation = activation});
  return engine.linear(std::move(hidden), *layer.fc2, {.add = std::move(x)});
}

}  // namespace oc
