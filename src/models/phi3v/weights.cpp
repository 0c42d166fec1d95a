#include "models/phi3v/weights.h"

#include <fmt/format.h>

namespace oc {
namespace {

constexpr std::string_view kVision = "model.vision_embed_tokens.";
constexpr std::string_view kClip = "model.vision_embed_tokens.img_processor.vision_model.";

// Looks tensors up and hands them to the engine; each call is one line of a layer.
class Loader {
 public:
  Loader(const Checkpoint& checkpoint, Engine& engine) : checkpoint_(checkpoint), engine_(engine) {}

  Result<LinearPtr> linear(const std::string& name, std::int64_t rows, std::int64_t cols,
                           bool bias) const {
    OC_ASSIGN_OR_RETURN(const RawMatrix raw, checkpoint_.matrix(name, rows, cols, bias));
    return engine_.prepare_linear(std::span(&raw, 1));
  }
  // Several matrices of the same shape, stacked.
  Result<LinearPtr> stacked(const std::vector<std::string>& names, std::int64_t rows,
                            std::int64_t cols, bool bias) const {
    std::vector<RawMatrix> parts;
    for (const std::string& name : names) {
      OC_ASSIGN_OR_RETURN(RawMatrix raw, checkpoint_.matrix(name, rows, cols, bias));
      parts.push_back(std::move(raw));
    }
    return engine_.prepare_linear(parts);
  }
  Result<TablePtr> table(const std::string& name, std::int64_t rows, std::int64_t cols) const {
    OC_ASSIGN_OR_RETURN(const RawMatrix raw, checkpoint_.matrix(name, rows, cols, false));
    return engine_.prepare_table(raw);
  }
  Result<NormPtr> rms_norm(const std::string& name, std::int64_t width, float eps) const {
    OC_ASSIGN_OR_RETURN(const TensorView weight,
                        checkpoint_.tensor(name + ".weight", Shape{width}));
    return engine_.prepare_norm(NormKind::kRms, eps, weight, nullptr);
  }
  Result<NormPtr> layer_norm(const std::string& name, std::int64_t width, float eps) const {
    OC_ASSIGN_OR_RETURN(const TensorView weight,
                        checkpoint_.tensor(name + ".weight", Shape{width}));
    OC_ASSIGN_OR_RETURN(const TensorView bias, checkpoint_.tensor(name + ".bias", Shape{width}));
    return engine_.prepare_norm(NormKind::kLayer, eps, weight, &bias);
  }
  // A vector of any rank as one row.
  Result<Tensor> row(const std::string& name, const Shape& shape) const {
    OC_ASSIGN_OR_RETURN(const TensorView view, checkpoint_.tensor(name, shape));
    const std::vector<float> values = to_f32(view);
    return engine_.upload(values, 1, static_cast<std::int64_t>(values.size()));
  }

 private:
  const Checkpoint& checkpoint_;
  Engine& engine_;
};

// The patch convolution as a matrix [C, p·p·3] with columns in (y, x, channel) order, from either
// layout: [C, 3, p, p] as Microsoft stores it, [C, p, p, 3] as MLX does. With p = 3 the two look
// alike; MLX's own rule then takes it for OIHW, and so do we.
Result<std::vector<float>> patch_matrix(const Checkpoint& checkpoint, const ClipConfig& clip) {
  const std::string name = std::string(kClip) + "embeddings.patch_embedding.weight";
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
  std::size_t at = 0;
  for (std::int64_t o = 0; o < c; ++o)
    for (std::int64_t y = 0; y < p; ++y)
      for (std::int64_t x = 0; x < p; ++x)
        for (std::int64_t channel = 0; channel < 3; ++channel)
          out[at++] = in[static_cast<std::size_t>(((o * 3 + channel) * p + y) * p + x)];
  return out;
}

Result<LinearPtr> load_patch_embedding(const Checkpoint& checkpoint, const ClipConfig& clip,
                                       Engine& engine, Phi3VWeights& out) {
  OC_ASSIGN_OR_RETURN(std::vector<float> values, patch_matrix(checkpoint, clip));
  auto owned = std::make_shared<const std::vector<float>>(std::move(values));
  out.owned.push_back(owned);
  RawMatrix raw;
  raw.name = std::string(kClip) + "embeddings.patch_embedding";
  raw.rows = clip.hidden_size;
  raw.cols = std::int64_t{3} * clip.patch_size * clip.patch_size;
  raw.weight.name = raw.name + ".weight";
  raw.weight.dtype = DType::kF32;
  raw.weight.shape = Shape{raw.rows, raw.cols};
  raw.weight.data = std::as_bytes(std::span(*owned));
  return engine.prepare_linear(std::span(&raw, 1));
}

Result<ClipLayer> load_clip_layer(const Loader& load, const std::string& at,
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

Result<void> load_clip(const Loader& load, const Checkpoint& checkpoint, const ClipConfig& clip,
                       Engine& engine, Phi3VWeights& out) {
  const std::string at(kClip);
  const std::int64_t c = clip.hidden_size;
  ClipWeights& w = out.clip;
  OC_ASSIGN_OR_RETURN(w.patch_embedding, load_patch_embedding(checkpoint, clip, engine, out));
  OC_ASSIGN_OR_RETURN(w.class_embedding, load.row(at + "embeddings.class_embedding", Shape{c}));
  OC_ASSIGN_OR_RETURN(w.position_embedding,
                      load.table(at + "embeddings.position_embedding", clip.patches() + 1, c));
  OC_ASSIGN_OR_RETURN(w.pre_layrnorm, load.layer_norm(at + "pre_layrnorm", c, clip.layer_norm_eps));
  for (int i = 0; i + 1 < clip.layers; ++i) {
    OC_ASSIGN_OR_RETURN(ClipLayer layer,
                        load_clip_layer(load, fmt::format("{}encoder.layers.{}.", at, i), clip));
    w.layers.push_back(std::move(layer));
  }
  return {};
}

Result<DecoderLayer> load_decoder_layer(const Loader& load, const std::string& at,
                                        const Phi3VConfig& config) {
  const std::int64_t d = config.hidden_size, f = config.intermediate_size;
  const std::int64_t q = std::int64_t{config.heads} * config.head_dim;
  const std::int64_t kv = std::int64_t{config.kv_heads} * config.head_dim;
  DecoderLayer layer;
  OC_ASSIGN_OR_RETURN(layer.input_layernorm,
                      load.rms_norm(at + "input_layernorm", d, config.rms_norm_eps));
  OC_ASSIGN_OR_RETURN(layer.post_attention_layernorm,
                      load.rms_norm(at + "post_attention_layernorm", d, config.rms_norm_eps));
  OC_ASSIGN_OR_RETURN(layer.qkv_proj, load.linear(at + "self_attn.qkv_proj", q + 2 * kv, d, false));
  OC_ASSIGN_OR_RETURN(layer.o_proj, load.linear(at + "self_attn.o_proj", d, q, false));
  OC_ASSIGN_OR_RETURN(layer.gate_up_proj, load.linear(at + "mlp.gate_up_proj", 2 * f, d, false));
  OC_ASSIGN_OR_RETURN(layer.down_proj, load.linear(at + "mlp.down_proj", d, f, false));
  return layer;
}

}  // namespace

Result<Phi3VWeights> load_phi3v_weights(const Checkpoint& checkpoint, const Phi3VConfig& config,
                                        Engine& engine) {
  const Loader load(checkpoint, engine);
  const std::int64_t d = config.hidden_size, c = config.vision.hidden_size;
  Phi3VWeights w;
  OC_ASSIGN_OR_RETURN(w.embed_tokens, load.table("model.embed_tokens", config.vocab_size, d));
  for (int i = 0; i < config.layers; ++i) {
    OC_ASSIGN_OR_RETURN(DecoderLayer layer,
                        load_decoder_layer(load, fmt::format("model.layers.{}.", i), config));
    w.layers.push_back(std::move(layer));
  }
  OC_ASSIGN_OR_RETURN(w.norm, load.rms_norm("model.norm", d, config.rms_norm_eps));
  OC_ASSIGN_OR_RETURN(w.lm_head, load.linear("lm_head", config.vocab_size, d, false));
  OC_RETURN_IF_ERROR(load_clip(load, checkpoint, config.vision, engine, w));
  const std::string at(kVision);
  OC_ASSIGN_OR_RETURN(w.sub_GN, load.row(at + "sub_GN", Shape{1, 1, 1, 4 * c}));
  OC_ASSIGN_OR_RETURN(w.glb_GN, load.row(at + "glb_GN", Shape{1, 1, 4 * c}));
  OC_ASSIGN_OR_RETURN(w.img_projection_0, load.linear(at + "img_projection.0", d, 4 * c, true));
  OC_ASSIGN_OR_RETURN(w.img_projection_2, load.linear(at + "img_projection.2", d, d, true));
  return w;
}

std::vector<ExpectedTensor> phi3v_tensors(const Phi3VConfig& config) {
  std::vector<ExpectedTensor> out;
  const auto matrix = [&](const std::string& name, std::int64_t rows, std::int64_t cols) {
    out.push_back({name + ".weight", Shape{rows, cols}, true});
  };
  const auto vector = [&](const std::string& name, const Shape& shape) {
    out.push_back({name, shape, false});
  };
  const auto biased = [&](const std::string& name, std::int64_t rows, std::int64_t cols) {
    matrix(name, rows, cols);
    vector(name + ".bias", Shape{rows});
  };
  const auto layer_norm = [&](const std::string& name, std::int64_t width) {
    vector(name + ".weight", Shape{width});
    vector(name + ".bias", Shape{width});
  };
  const ClipConfig& clip = config.vision;
  const std::int64_t c = clip.hidden_size, p = clip.patch_size, d = config.hidden_size;
  const std::int64_t f = config.intermediate_size;
  const std::string at(kClip), vision(kVision);
  vector(at + "embeddings.class_embedding", Shape{c});
  vector(at + "embeddings.patch_embedding.weight", Shape{c, 3, p, p});
  matrix(at + "embeddings.position_embedding", clip.patches() + 1, c);
  layer_norm(at + "pre_layrnorm", c);
  for (int i = 0; i < clip.layers; ++i) {
    const std::string layer = fmt::format("{}encoder.layers.{}.", at, i);
    layer_norm(layer + "layer_norm1", c);
    for (const char* name : {"q_proj", "k_proj", "v_proj", "out_proj"})
      biased(layer + "self_attn." + name, c, c);
    layer_norm(layer + "layer_norm2", c);
    biased(layer + "mlp.fc1", clip.intermediate_size, c);
    biased(layer + "mlp.fc2", c, clip.intermediate_size);
  }
  layer_norm(at + "post_layernorm", c);
  vector(vision + "sub_GN", Shape{1, 1, 1, 4 * c});
  vector(vision + "glb_GN", Shape{1, 1, 4 * c});
  biased(vision + "img_projection.0", d, 4 * c);
  biased(vision + "img_projection.2", d, d);
  matrix("model.embed_tokens", config.vocab_size, d);
  const std::int64_t q = std::int64_t{config.heads} * config.head_dim;
  const std::int64_t kv = std::int64_t{config.kv_heads} * config.head_dim;
  for (int i = 0; i < config.layers; ++i) {
    const std::string layer = fmt::format("model.layers.{}.", i);
    vector(layer + "input_layernorm.weight", Shape{d});
    matrix(layer + "self_attn.qkv_proj", q + 2 * kv, d);
    matrix(layer + "self_attn.o_proj", d, q);
    vector(layer + "post_attention_layernorm.weight", Shape{d});
    matrix(layer + "mlp.gate_up_proj", 2 * f, d);
    matrix(layer + "mlp.down_proj", d, f);
  }
  vector("model.norm.weight", Shape{d});
  matrix("lm_head", config.vocab_size, d);
  return out;
}

}  // namespace oc
