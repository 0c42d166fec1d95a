#include "models/smolvlm/model.h"

#include <fmt/format.h>

#include <algorithm>

#include "models/blocks/rope.h"
#include "models/fingerprint.h"
#include "models/smolvlm/blueprint.h"
#include "models/smolvlm/config.h"
#include "models/smolvlm/footprint.h"
#include "models/smolvlm/image.h"
#include "models/smolvlm/plan.h"
#include "models/smolvlm/prompt.h"
#include "models/smolvlm/synth_config.h"
#include "models/smolvlm/weights.h"
#include "models/tokenizer_file.h"

namespace oc {
namespace {

Rope plain_rope(const SmolVlmConfig& config) {
  std::vector<float> inv_freq;
  for (int i = 0; i < config.head_dim / 2; ++i)
    inv_freq.push_back(1.0f / rope_power(config.rope_theta, i, config.head_dim));
  return Rope(std::move(inv_freq));
}

class SmolVlm final : public Model {
 public:
  SmolVlm(std::shared_ptr<const Checkpoint> checkpoint, std::shared_ptr<Engine> engine,
          std::shared_ptr<const Tokenizer> tokenizer, SmolVlmConfig config, SmolVlmWeights weights,
          ModelInfo info)
      : checkpoint_(std::move(checkpoint)),
        engine_(std::move(engine)),
        tokenizer_(std::move(tokenizer)),
        config_(std::move(config)),
        weights_(std::move(weights)),
        info_(std::move(info)),
        rope_(plain_rope(config_)),
        in_place_(engine_->memory_traits().weights == MemoryTraits::Weights::kInPlace) {}

  const ModelInfo& info() const override { return info_; }
  const std::shared_ptr<const Tokenizer>& tokenizer() const override { return tokenizer_; }
  Engine& engine() const override { return *engine_; }

  Result<ImagePlan> plan_image(int width, int height, const ImageOptions& options) const override {
    return plan_smolvlm_image(config_, width, height, options);
  }
  SampleImage sample_image(int tower_runs) const override {
    return sample_smolvlm_image(config_, tower_runs);
  }
  Result<Prompt> build_prompt(std::span<const Message> messages, std::span<const ImagePlan> images,
                              const PromptOptions& options) const override {
    return build_smolvlm_prompt(*tokenizer_, config_.view_tokens(), messages, images, options);
  }
  Result<std::unique_ptr<ImageEncoding>> begin_image(const Image& image, const ImagePlan& plan,
                                                     const Tap* tap,
                                                     const Interrupt& interrupt) const override {
    return begin_smolvlm_image(*engine_, config_, weights_, image, plan, tap, interrupt);
  }
  std::unique_ptr<KvSequence> make_sequence() const override {
    return engine_->make_sequence(
        {.layers = config_.layers, .kv_heads = config_.kv_heads, .head_dim = config_.head_dim});
  }

  MappedRanges mapped_weights() const override { return checkpoint_->mapped(); }
  Result<void> intact() const override {
    return in_place_ ? checkpoint_->intact() : Result<void>();
  }

  Tensor join_images(std::span<const Tensor> embeds) const override {
    return join_rows(*engine_, embeds);
  }

  std::unique_ptr<ForwardPass> begin_forward(std::span<const StepInput> inputs,
                                             const Tap* tap) const override {
    const DecoderHeads heads{config_.heads, config_.kv_heads, config_.head_dim};
    const auto append = [this](int, std::int64_t first, std::int64_t count, Batch& batch) {
      rope_.append(first, count, batch);
    };
    return begin_decoder_forward(*engine_, heads, weights_.decoder, append, inputs, tap);
  }

 private:
  std::shared_ptr<const Checkpoint> checkpoint_;
  std::shared_ptr<Engine> engine_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  SmolVlmConfig config_;
  SmolVlmWeights weights_;
  ModelInfo info_;
  Rope rope_;
  bool in_place_;  // the engine reads the files, it has no copies
};

void count_work(const Checkpoint& checkpoint, const SmolVlmConfig& c, ModelInfo& info) {
  const SmolVlmNames names = smolvlm_names(checkpoint);
  for (const TensorView* tensor : checkpoint.tensors())
    if (tensor->name.starts_with(names.text + "layers.") ||
        tensor->name.starts_with(names.text + "norm.") ||
        tensor->name.starts_with(names.lm_head + "."))
      info.token_bytes += tensor->data.size();
  const auto d = static_cast<double>(c.hidden_size), f = static_cast<double>(c.intermediate_size);
  const double qkv = static_cast<double>(c.heads + 2 * c.kv_heads) * c.head_dim;
  info.token_ops = 2.0 * c.layers * (d * qkv + d * c.heads * c.head_dim + 3 * d * f);
  const SiglipConfig& v = c.vision;
  const auto width = static_cast<double>(v.hidden_size);
  const auto mlp = static_cast<double>(v.intermediate_size);
  const auto patches = static_cast<double>(v.patches());
  info.view_ops =
      2.0 * v.layers *
          (patches * (4 * width * width + 2 * width * mlp) + 2 * patches * patches * width) +
      2.0 * patches * width * d;
}

// Its added tokens are part of the prompt, so they must be those that config.json speaks of.
Result<void> check_tokenizer(const Tokenizer& tokenizer, const SmolVlmConfig& config) {
  constexpr const char* kHint = "use the tokenizer that belongs to the model";
  if (tokenizer.vocab_size() > config.vocab_size)
    return Error{ErrorCode::kCorrupt,
                 fmt::format("tokenizer.json has {} tokens, config.json a vocab_size of {}",
                             tokenizer.vocab_size(), config.vocab_size),
                 kHint};
  const auto image = tokenizer.id_of("<image>");
  if (config.image_token_id >= 0 && image != static_cast<TokenId>(config.image_token_id))
    return Error{
        ErrorCode::kCorrupt,
        fmt::format("tokenizer.json has <image> as {}, config.json an image_token_id of {}",
                    image ? std::to_string(*image) : "nothing", config.image_token_id),
        kHint};
  return {};
}

Result<std::unique_ptr<const Model>> load_smolvlm(std::shared_ptr<const Checkpoint> checkpoint,
                                                  std::shared_ptr<Engine> engine) {
  OC_ASSIGN_OR_RETURN(SmolVlmConfig config, load_smolvlm_config(checkpoint->folder()));
  OC_ASSIGN_OR_RETURN(std::shared_ptr<const Tokenizer> tokenizer,
                      load_tokenizer(checkpoint->folder()));
  OC_RETURN_IF_ERROR(check_tokenizer(*tokenizer, config));
  OC_ASSIGN_OR_RETURN(SmolVlmWeights weights, load_smolvlm_weights(*checkpoint, config, *engine));
  ModelInfo info;
  info.architecture = "smolvlm";
  info.path = checkpoint->folder().string();
  OC_ASSIGN_OR_RETURN(info.weights, smolvlm_weight_type(*checkpoint, config));
  info.weights_bytes = checkpoint->weights_bytes();
  info.vocab_size = config.vocab_size;
  info.context_length = config.max_positions;
  info.width = config.hidden_size;
  info.stop_ids = smolvlm_stop_ids(*tokenizer);
  info.stop_ids.insert(info.stop_ids.end(), config.eos_ids.begin(), config.eos_ids.end());
  std::ranges::sort(info.stop_ids);
  const auto repeated = std::ranges::unique(info.stop_ids);
  info.stop_ids.erase(repeated.begin(), repeated.end());
  info.banned_ids = ids_without_token(*tokenizer, info.vocab_size);
  const std::vector<TokenId> markers = smolvlm_marker_ids(*tokenizer);
  info.banned_ids.insert(info.banned_ids.end(), markers.begin(), markers.end());
  std::ranges::sort(info.banned_ids);
  info.knobs = smolvlm_knobs(config);
  info.frames = smolvlm_frames(config);
  info.fingerprint = checkpoint_fingerprint(*checkpoint);
  info.kv_token_bytes = engine->kv_token_bytes(
      {.layers = config.layers, .kv_heads = config.kv_heads, .head_dim = config.head_dim});
  count_work(*checkpoint, config, info);
  return std::unique_ptr<const Model>(
      std::make_unique<SmolVlm>(std::move(checkpoint), std::move(engine), std::move(tokenizer),
                                std::move(config), std::move(weights), std::move(info)));
}

}  // namespace

Architecture smolvlm_architecture() {
  return {.type = "smolvlm",
          .title = "SmolVLM2",
          .knobs = kSmolVlmKnobs,
          .load = load_smolvlm,
          .open = open_smolvlm,
          .measure = measure_smolvlm,
          .shapes = kSmolVlmShapes,
          .synth = synth_smolvlm,
          .check_golden_image = check_smolvlm_golden_image,
          .golden_knobs = smolvlm_golden_knobs,
          .golden_limits = kSmolVlmGoldenLimits,
          .frames = true};
}

}  // namespace oc
