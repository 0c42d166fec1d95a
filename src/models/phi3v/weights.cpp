#include "models/phi3v/weights.h"

#include <fmt/format.h>

#include "models/blocks/weight_loader.h"

namespace oc {
namespace {

constexpr std::string_view kVision = "model.vision_embed_tokens.";
constexpr std::string_view kClip = "model.vision_embed_tokens.img_processor.vision_model.";

Result<DecoderLayer> load_layer(const WeightLoader& load, const std::string& at,
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
  const WeightLoader load(checkpoint, engine);
  const std::int64_t d = config.hidden_size, c = config.vision.hidden_size;
  Phi3VWeights w;
  OC_ASSIGN_OR_RETURN(w.decoder.embed_tokens,
                      load.table("model.embed_tokens", config.vocab_size, d));
  for (int i = 0; i < config.layers; ++i) {
    OC_ASSIGN_OR_RETURN(DecoderLayer layer,
                        load_layer(load, fmt::format("model.layers.{}.", i), config));
    w.decoder.layers.push_back(std::move(layer));
  }
  OC_ASSIGN_OR_RETURN(w.decoder.norm, load.rms_norm("model.norm", d, config.rms_norm_eps));
  OC_ASSIGN_OR_RETURN(w.decoder.lm_head, load.linear("lm_head", config.vocab_size, d, false));
  OC_ASSIGN_OR_RETURN(w.clip, load_clip(load, std::string(kClip), config.vision));
  const std::string at(kVision);
  OC_ASSIGN_OR_RETURN(w.sub_GN, load.row(at + "sub_GN", Shape{1, 1, 1, 4 * c}));
  OC_ASSIGN_OR_RETURN(w.glb_GN, load.row(at + "glb_GN", Shape{1, 1, 4 * c}));
  OC_ASSIGN_OR_RETURN(w.img_projection_0, load.linear(at + "img_projection.0", d, 4 * c, true));
  OC_ASSIGN_OR_RETURN(w.img_projection_2, load.linear(at + "img_projection.2", d, d, true));
  return w;
}

Result<WeightType> phi3v_weight_type(const Checkpoint& checkpoint, const Phi3VConfig& config) {
  OC_ASSIGN_OR_RETURN(const RawMatrix matrix,
                      checkpoint.matrix("model.layers.0.mlp.down_proj", config.hidden_size,
                                        config.intermediate_size, false));
  return matrix.type();
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
  const std::int64_t c = config.vision.hidden_size, d = config.hidden_size;
  const std::int64_t f = config.intermediate_size;
  const std::string vision(kVision);
  out = clip_tensors(std::string(kClip), config.vision);
  vector(vision + "sub_GN", Shape{1, 1, 1, 4 * c});
  vector(vision + "glb_GN", Shape{1, 1, 4 * c});
  biased(vision + "img_projection.0", d, 4 * c);
  biased(vision + "img_projection.2", d, d);
  for (ExpectedTensor& tensor : out) tensor.vision = true;
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
