#include "models/smolvlm/weights.h"

#include <fmt/format.h>

#include "models/blocks/weight_loader.h"

namespace oc {
namespace {

std::int64_t projection_cols(const SmolVlmConfig& config) {
  return config.vision.hidden_size * config.scale_factor * config.scale_factor;
}

Result<DecoderLayer> load_layer(const WeightLoader& load, const std::string& at,
                                const SmolVlmConfig& config) {
  const std::int64_t d = config.hidden_size, f = config.intermediate_size;
  const std::int64_t q = std::int64_t{config.heads} * config.head_dim;
  const std::int64_t kv = std::int64_t{config.kv_heads} * config.head_dim;
  DecoderLayer layer;
  OC_ASSIGN_OR_RETURN(layer.input_layernorm,
                      load.rms_norm(at + "input_layernorm", d, config.rms_norm_eps));
  OC_ASSIGN_OR_RETURN(layer.post_attention_layernorm,
                      load.rms_norm(at + "post_attention_layernorm", d, config.rms_norm_eps));
  const std::string attention = at + "self_attn.";
  OC_ASSIGN_OR_RETURN(layer.qkv_proj, load.stacked({{attention + "q_proj", q},
                                                    {attention + "k_proj", kv},
                                                    {attention + "v_proj", kv}},
                                                   d, false));
  OC_ASSIGN_OR_RETURN(layer.o_proj, load.linear(attention + "o_proj", d, q, false));
  OC_ASSIGN_OR_RETURN(layer.gate_up_proj,
                      load.stacked({{at + "mlp.gate_proj", f}, {at + "mlp.up_proj", f}}, d, false));
  OC_ASSIGN_OR_RETURN(layer.down_proj, load.linear(at + "mlp.down_proj", d, f, false));
  return layer;
}

}  // namespace

SmolVlmNames smolvlm_names(const Checkpoint& checkpoint) {
  SmolVlmNames names;
  const auto has = [&](const std::string& name) { return checkpoint.find(name) != nullptr; };
  const auto use = [&](std::string& part, const char* behind, const char* other) {
    if (!has(part + behind) && has(std::string(other) + behind)) part = other;
  };
  use(names.text, "norm.weight", "language_model.");
  use(names.lm_head, ".weight", "language_model.lm_head");
  use(names.vision, "post_layernorm.weight", "vision_model.");
  use(names.projection, ".weight", "connector.modality_projection.proj");
  return names;
}

Result<SmolVlmWeights> load_smolvlm_weights(const Checkpoint& checkpoint,
                                            const SmolVlmConfig& config, Engine& engine) {
  const WeightLoader load(checkpoint, engine);
  const SmolVlmNames names = smolvlm_names(checkpoint);
  const std::int64_t d = config.hidden_size;
  SmolVlmWeights w;
  OC_ASSIGN_OR_RETURN(w.decoder.embed_tokens,
                      load.table(names.text + "embed_tokens", config.vocab_size, d));
  for (int i = 0; i < config.layers; ++i) {
    OC_ASSIGN_OR_RETURN(DecoderLayer layer,
                        load_layer(load, fmt::format("{}layers.{}.", names.text, i), config));
    w.decoder.layers.push_back(std::move(layer));
  }
  OC_ASSIGN_OR_RETURN(w.decoder.norm, load.rms_norm(names.text + "norm", d, config.rms_norm_eps));
  OC_ASSIGN_OR_RETURN(w.decoder.lm_head, load.linear(names.lm_head, config.vocab_size, d, false));
  OC_ASSIGN_OR_RETURN(w.vision, load_siglip(load, names.vision, config.vision));
  OC_ASSIGN_OR_RETURN(w.projection,
                      load.linear(names.projection, d, projection_cols(config), false));
  return w;
}

Result<WeightType> smolvlm_weight_type(const Checkpoint& checkpoint, const SmolVlmConfig& config) {
  OC_ASSIGN_OR_RETURN(const RawMatrix matrix,
                      checkpoint.matrix(smolvlm_names(checkpoint).text + "layers.0.mlp.down_proj",
                                        config.hidden_size, config.intermediate_size, false));
  return matrix.type();
}

std::vector<ExpectedTensor> smolvlm_tensors(const SmolVlmConfig& config,
                                            const SmolVlmNames& names) {
  const std::int64_t d = config.hidden_size, f = config.intermediate_size;
  const std::int64_t q = std::int64_t{config.heads} * config.head_dim;
  const std::int64_t kv = std::int64_t{config.kv_heads} * config.head_dim;
  std::vector<ExpectedTensor> out = siglip_tensors(names.vision, config.vision);
  const auto matrix = [&](const std::string& name, std::int64_t rows, std::int64_t cols) {
    out.push_back({name + ".weight", Shape{rows, cols}, true});
  };
  matrix(names.projection, d, projection_cols(config));
  for (ExpectedTensor& tensor : out) tensor.vision = true;
  matrix(names.text + "embed_tokens", config.vocab_size, d);
  for (int i = 0; i < config.layers; ++i) {
    const std::string layer = fmt::format("{}layers.{}.", names.text, i);
    out.push_back({layer + "input_layernorm.weight", Shape{d}});
    matrix(layer + "self_attn.q_proj", q, d);
    matrix(layer + "self_attn.k_proj", kv, d);
    matrix(layer + "self_attn.v_proj", kv, d);
    matrix(layer + "self_attn.o_proj", d, q);
    out.push_back({layer + "post_attention_layernorm.weight", Shape{d}});
    matrix(layer + "mlp.gate_proj", f, d);
    matrix(layer + "mlp.up_proj", f, d);
    matrix(layer + "mlp.down_proj", d, f);
  }
  out.push_back({names.text + "norm.weight", Shape{d}});
  matrix(names.lm_head, config.vocab_size, d);
  return out;
}

}  // namespace oc
