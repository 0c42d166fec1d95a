#include "models/moondream/weights.h"

#include <fmt/format.h>

#include "models/blocks/weight_loader.h"

namespace oc {
namespace {

constexpr float kEps = 1e-5f;

Error refused_layout(std::string message) {
  return {ErrorCode::kUnsupported, std::move(message),
          "ocellus runs Moondream2 from 2025-01-09 on, in float16 or quantised by MLX or `ocellus "
          "quantize`"};
}

Result<void> refuse_others(const Checkpoint& checkpoint) {
  const std::string where = checkpoint.folder().string();
  for (const TensorView* tensor : checkpoint.tensors()) {
    if (tensor->name.starts_with("text_model.transformer."))
      return refused_layout(
          fmt::format("{}: \"{}\": this is Moondream of 2024-08-26 or older", where, tensor->name));
    if (tensor->name.ends_with(".weight.packed"))
      return refused_layout(fmt::format(
          "{}: \"{}\": the packed 4-bit release of 2025-05 is not supported", where, tensor->name));
  }
  return {};
}

// A float matrix under a tensor's bare name, in any shape of so many rows.
Result<TablePtr> load_bare_table(const WeightLoader& load, const std::string& name,
                                 const Shape& shape, std::int64_t rows, std::int64_t cols) {
  RawMatrix raw;
  raw.name = name;
  raw.rows = rows;
  raw.cols = cols;
  OC_ASSIGN_OR_RETURN(raw.weight, load.checkpoint().tensor(name, shape));
  raw.weight.shape = Shape{rows, cols};
  return load.engine().prepare_table(raw);
}

Result<MoondreamMlp> load_mlp(const WeightLoader& load, const std::string& at, std::int64_t in,
                              std::int64_t hidden, std::int64_t out) {
  MoondreamMlp mlp;
  OC_ASSIGN_OR_RETURN(mlp.fc1, load.linear(at + "fc1", hidden, in, true));
  OC_ASSIGN_OR_RETURN(mlp.fc2, load.linear(at + "fc2", out, hidden, true));
  return mlp;
}

Result<MoondreamLayer> load_layer(const WeightLoader& load, const std::string& at,
                                  const MoondreamConfig& config) {
  const std::int64_t d = config.hidden_size;
  MoondreamLayer layer;
  OC_ASSIGN_OR_RETURN(layer.ln, load.layer_norm(at + "ln", d, kEps));
  OC_ASSIGN_OR_RETURN(layer.qkv, load.linear(at + "attn.qkv", 3 * d, d, true));
  OC_ASSIGN_OR_RETURN(layer.proj, load.linear(at + "attn.proj", d, d, true));
  OC_ASSIGN_OR_RETURN(layer.mlp, load_mlp(load, at + "mlp.", d, config.intermediate_size, d));
  return layer;
}

// SigLIP's tower under the names of the reference.
Result<SiglipWeights> load_tower(const WeightLoader& load, const std::string& at,
                                 const SiglipConfig& v) {
  const std::int64_t c = v.hidden_size;
  SiglipWeights w;
  OC_ASSIGN_OR_RETURN(w.patch_embedding,
                      load_patch_embedding(load, at + "patch_emb", c, v.patch_size, true));
  OC_ASSIGN_OR_RETURN(
      w.position_embedding,
      load_bare_table(load, at + "pos_emb", Shape{1, v.patches(), c}, v.patches(), c));
  for (int i = 0; i < v.layers; ++i) {
    const std::string block = fmt::format("{}blocks.{}.", at, i);
    VitLayer layer;
    OC_ASSIGN_OR_RETURN(layer.layer_norm1, load.layer_norm(block + "ln1", c, kEps));
    OC_ASSIGN_OR_RETURN(layer.qkv_proj, load.linear(block + "attn.qkv", 3 * c, c, true));
    const bool may_round = layer.qkv_proj->rounds_input;  // as load_vit_layer does it
    const std::int64_t m = v.intermediate_size;
    OC_ASSIGN_OR_RETURN(layer.out_proj, load.linear(block + "attn.proj", c, c, true, may_round));
    OC_ASSIGN_OR_RETURN(layer.layer_norm2, load.layer_norm(block + "ln2", c, kEps));
    OC_ASSIGN_OR_RETURN(layer.fc1, load.linear(block + "mlp.fc1", m, c, true, may_round));
    OC_ASSIGN_OR_RETURN(layer.fc2, load.linear(block + "mlp.fc2", c, m, true, may_round));
    w.layers.push_back(std::move(layer));
  }
  OC_ASSIGN_OR_RETURN(w.post_layernorm, load.layer_norm(at + "post_ln", c, kEps));
  return w;
}

Result<MoondreamRegion> load_region(const WeightLoader& load, const std::string& at,
                                    const MoondreamConfig& config) {
  const std::int64_t d = config.hidden_size, inner = config.region_size;
  MoondreamRegion region;
  OC_ASSIGN_OR_RETURN(
      const TensorView coord,
      load.checkpoint().tensor(at + "coord_features", Shape{1, config.coord_features / 2}));
  OC_ASSIGN_OR_RETURN(
      const TensorView size,
      load.checkpoint().tensor(at + "size_features", Shape{2, config.size_features / 2}));
  region.coord_features = to_f32(coord);
  region.size_features = to_f32(size);
  OC_ASSIGN_OR_RETURN(region.coord_encoder,
                      load.linear(at + "coord_encoder", d, config.coord_features, true));
  OC_ASSIGN_OR_RETURN(region.size_encoder,
                      load.linear(at + "size_encoder", d, config.size_features, true));
  OC_ASSIGN_OR_RETURN(region.coord_decoder,
                      load_mlp(load, at + "coord_decoder.", d, inner, config.coord_bins));
  OC_ASSIGN_OR_RETURN(region.size_decoder,
                      load_mlp(load, at + "size_decoder.", d, inner, 2 * config.size_bins));
  return region;
}

// A list of expected tensors as it grows.
class TensorList {
 public:
  std::vector<ExpectedTensor> take() { return std::move(out_); }
  void mark_vision() {
    for (ExpectedTensor& tensor : out_) tensor.vision = true;
  }
  void plain(const std::string& name, const Shape& shape) { out_.push_back({name, shape}); }
  void table(const std::string& name, const Shape& shape) {
    out_.push_back({.name = name, .shape = shape, .table = true});
  }
  void matrix(const std::string& name, std::int64_t rows, std::int64_t cols) {
    out_.push_back({name, Shape{rows, cols}, true});
  }
  void linear(const std::string& name, std::int64_t rows, std::int64_t cols) {
    matrix(name + ".weight", rows, cols);
    plain(name + ".bias", Shape{rows});
  }
  void norm(const std::string& name, std::int64_t width) {
    plain(name + ".weight", Shape{width});
    plain(name + ".bias", Shape{width});
  }
  void mlp(const std::string& at, std::int64_t in, std::int64_t hidden, std::int64_t out) {
    linear(at + "fc1", hidden, in);
    linear(at + "fc2", out, hidden);
  }

 private:
  std::vector<ExpectedTensor> out_;
};

void list_region(const MoondreamConfig& config, const std::string& at, TensorList& out) {
  const std::int64_t d = config.hidden_size, inner = config.region_size;
  out.plain(at + "coord_features", Shape{1, config.coord_features / 2});
  out.linear(at + "coord_encoder", d, config.coord_features);
  out.mlp(at + "coord_decoder.", d, inner, config.coord_bins);
  out.plain(at + "size_features", Shape{2, config.size_features / 2});
  out.linear(at + "size_encoder", d, config.size_features);
  out.mlp(at + "size_decoder.", d, inner, 2 * config.size_bins);
}

}  // namespace

MoondreamNames moondream_names(const Checkpoint& checkpoint) {
  MoondreamNames names;
  if (checkpoint.find("text.model.embed_tokens.weight") != nullptr)
    names = {.embed = "text.model.embed_tokens",
             .layers = "text.model.layers.",
             .norm = "text.model.post_ln",
             .lm_head = "text.lm_head",
             .tower = "vision.encoder.",
             .projection = "vision.proj_mlp.",
             .region = "region."};
  names.bare_embed = checkpoint.find(names.embed + ".weight") == nullptr;
  names.has_region = checkpoint.find(names.region + "coord_features") != nullptr;
  return names;
}

Result<MoondreamWeights> load_moondream_weights(const Checkpoint& checkpoint,
                                                const MoondreamConfig& config, Engine& engine) {
  OC_RETURN_IF_ERROR(refuse_others(checkpoint));
  const WeightLoader load(checkpoint, engine);
  const MoondreamNames names = moondream_names(checkpoint);
  const std::int64_t d = config.hidden_size, vocabulary = config.vocab_size;
  MoondreamWeights w;
  OC_ASSIGN_OR_RETURN(w.embed,
                      names.bare_embed
                          ? load_bare_table(load, names.embed, Shape{vocabulary, d}, vocabulary, d)
                          : load.table(names.embed, vocabulary, d));
  for (int i = 0; i < config.layers; ++i) {
    OC_ASSIGN_OR_RETURN(MoondreamLayer layer,
                        load_layer(load, fmt::format("{}{}.", names.layers, i), config));
    w.layers.push_back(std::move(layer));
  }
  OC_ASSIGN_OR_RETURN(w.norm, load.layer_norm(names.norm, d, kEps));
  OC_ASSIGN_OR_RETURN(w.lm_head, load.linear(names.lm_head, vocabulary, d, true));
  OC_ASSIGN_OR_RETURN(w.vision, load_tower(load, names.tower, config.vision));
  OC_ASSIGN_OR_RETURN(w.projection, load_mlp(load, names.projection, 2 * config.vision.hidden_size,
                                             config.projection_size, d));
  if (names.has_region) {
    OC_ASSIGN_OR_RETURN(w.region, load_region(load, names.region, config));
  }
  return w;
}

Result<WeightType> moondream_weight_type(const Checkpoint& checkpoint,
                                         const MoondreamConfig& config) {
  OC_ASSIGN_OR_RETURN(const RawMatrix matrix,
                      checkpoint.matrix(moondream_names(checkpoint).layers + "0.attn.proj",
                                        config.hidden_size, config.hidden_size, true));
  return matrix.type();
}

std::vector<ExpectedTensor> moondream_tensors(const MoondreamConfig& config,
                                              const MoondreamNames& names) {
  const std::int64_t d = config.hidden_size, f = config.intermediate_size;
  const SiglipConfig& v = config.vision;
  const std::int64_t c = v.hidden_size, p = v.patch_size;
  TensorList out;
  out.linear(names.tower + "patch_emb", c, 3 * p * p);
  out.table(names.tower + "pos_emb", Shape{1, v.patches(), c});
  for (int i = 0; i < v.layers; ++i) {
    const std::string block = fmt::format("{}blocks.{}.", names.tower, i);
    out.norm(block + "ln1", c);
    out.linear(block + "attn.qkv", 3 * c, c);
    out.linear(block + "attn.proj", c, c);
    out.norm(block + "ln2", c);
    out.mlp(block + "mlp.", c, v.intermediate_size, c);
  }
  out.norm(names.tower + "post_ln", c);
  out.mlp(names.projection, 2 * c, config.projection_size, d);
  out.mark_vision();
  out.matrix(names.bare_embed ? names.embed : names.embed + ".weight", config.vocab_size, d);
  for (int i = 0; i < config.layers; ++i) {
    const std::string layer = fmt::format("{}{}.", names.layers, i);
    out.norm(layer + "ln", d);
    out.linear(layer + "attn.qkv", 3 * d, d);
    out.linear(layer + "attn.proj", d, d);
    out.mlp(layer + "mlp.", d, f, d);
  }
  out.norm(names.norm, d);
  out.linear(names.lm_head, config.vocab_size, d);
  if (names.has_region) list_region(config, names.region, out);
  return out.take();
}

}  // namespace oc
