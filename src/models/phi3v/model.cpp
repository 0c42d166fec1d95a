#include "models/phi3v/model.h"

#include <fmt/format.h>

#include <algorithm>

#include "models/fingerprint.h"
#include "models/phi3v/blueprint.h"
#include "models/phi3v/config.h"
#include "models/phi3v/footprint.h"
#include "models/phi3v/image.h"
#include "models/phi3v/plan.h"
#include "models/phi3v/prompt.h"
#include "models/phi3v/su_rope.h"
#include "models/phi3v/synth_config.h"
#include "models/phi3v/weights.h"
#include "models/tokenizer_file.h"

namespace oc {
namespace {

RopeParams rope_params(const Phi3VConfig& config) {
  return {.head_dim = config.head_dim,
          .theta = config.rope_theta,
          .max_positions = config.max_positions,
          .original_max_positions = config.original_max_positions,
          .short_factor = config.short_factor,
          .long_factor = config.long_factor};
}

class Phi3V final : public Model {
 public:
  Phi3V(std::shared_ptr<const Checkpoint> checkpoint, std::shared_ptr<Engine> engine,
        std::shared_ptr<const Tokenizer> tokenizer, Phi3VConfig config, Phi3VWeights weights,
        ModelInfo info)
      : checkpoint_(std::move(checkpoint)),
        engine_(std::move(engine)),
        tokenizer_(std::move(tokenizer)),
        config_(std::move(config)),
        weights_(std::move(weights)),
        info_(std::move(info)),
        rope_(rope_params(config_)),
        in_place_(engine_->memory_traits().weights == MemoryTraits::Weights::kInPlace) {}

  const ModelInfo& info() const override { return info_; }
  const std::shared_ptr<const Tokenizer>& tokenizer() const override { return tokenizer_; }
  Engine& engine() const override { return *engine_; }

  Result<ImagePlan> plan_image(int width, int height, const ImageOptions& options) const override {
    return plan_phi3v_image(config_, width, height, options);
  }
  SampleImage sample_image(int tower_runs) const override {
    return sample_phi3v_image(config_, tower_runs);
  }
  Result<Prompt> build_prompt(std::span<const Message> messages, std::span<const ImagePlan> images,
                              const PromptOptions& options) const override {
    return build_phi3v_prompt(*tokenizer_, messages, images, options);
  }
  Result<std::unique_ptr<ImageEncoding>> begin_image(const Image& image, const ImagePlan& plan,
                                                     const Tap* tap,
                                                     const Interrupt& interrupt) const override {
    return begin_phi3v_image(*engine_, config_, weights_, image, plan, tap, interrupt);
  }
  std::unique_ptr<KvSequence> make_sequence() const override {
    return engine_->make_sequence(
        {.layers = config_.layers, .kv_heads = config_.kv_heads, .head_dim = config_.head_dim});
  }
  int position_regime(std::int64_t total_tokens) const override {
    return rope_.regime(total_tokens);
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
    const auto append = [this](int regime, std::int64_t first, std::int64_t count, Batch& batch) {
      rope_.append(regime, first, count, batch);
    };
    return begin_decoder_forward(*engine_, heads, weights_.decoder, append, inputs, tap);
  }

 private:
  std::shared_ptr<const Checkpoint> checkpoint_;
  std::shared_ptr<Engine> engine_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  Phi3VConfig config_;
  Phi3VWeights weights_;
  ModelInfo info_;
  SuRope rope_;
  bool in_place_;  // the engine reads the files, it has no copies
};

void count_work(const Checkpoint& checkpoint, const Phi3VConfig& c, ModelInfo& info) {
  for (const TensorView* tensor : checkpoint.tensors())
    if (tensor->name.starts_with("model.layers.") || tensor->name.starts_with("model.norm.") ||
        tensor->name.starts_with("lm_head."))
      info.token_bytes += tensor->data.size();
  const auto d = static_cast<double>(c.hidden_size), f = static_cast<double>(c.intermediate_size);
  const double qkv = static_cast<double>(c.heads + 2 * c.kv_heads) * c.head_dim;
  info.token_ops = 2.0 * c.layers * (d * qkv + d * c.heads * c.head_dim + 3 * d * f);
  const ClipConfig& v = c.vision;
  const auto width = static_cast<double>(v.hidden_size);
  const auto mlp = static_cast<double>(v.intermediate_size);
  const auto tokens = static_cast<double>(v.rows()), merged = tokens / 4;
  info.view_ops =
      2.0 * (v.layers - 1) *
          (tokens * (4 * width * width + 2 * width * mlp) + 2 * tokens * tokens * width) +
      2.0 * merged * (4 * width * d + d * d);
}

Result<std::unique_ptr<const Model>> load_phi3v(std::shared_ptr<const Checkpoint> checkpoint,
                                                std::shared_ptr<Engine> engine) {
  OC_ASSIGN_OR_RETURN(Phi3VConfig config, load_phi3v_config(checkpoint->folder()));
  OC_ASSIGN_OR_RETURN(std::shared_ptr<const Tokenizer> tokenizer,
                      load_tokenizer(checkpoint->folder()));
  if (tokenizer->vocab_size() > config.vocab_size)
    return Error{ErrorCode::kCorrupt,
                 fmt::format("tokenizer.json has {} tokens, config.json a vocab_size of {}",
                             tokenizer->vocab_size(), config.vocab_size),
                 "use the tokenizer that belongs to the model"};
  OC_ASSIGN_OR_RETURN(Phi3VWeights weights, load_phi3v_weights(*checkpoint, config, *engine));
  ModelInfo info;
  info.architecture = "phi3_v";
  info.path = checkpoint->folder().string();
  OC_ASSIGN_OR_RETURN(info.weights, phi3v_weight_type(*checkpoint, config));
  info.weights_bytes = checkpoint->weights_bytes();
  info.vocab_size = config.vocab_size;
  info.context_length = config.max_positions;
  info.width = config.hidden_size;
  info.stop_ids = phi3v_stop_ids(*tokenizer);
  info.stop_ids.insert(info.stop_ids.end(), config.eos_ids.begin(), config.eos_ids.end());
  info.banned_ids = ids_without_token(*tokenizer, info.vocab_size);
  std::ranges::sort(info.stop_ids);
  const auto repeated = std::ranges::unique(info.stop_ids);
  info.stop_ids.erase(repeated.begin(), repeated.end());
  info.knobs = phi3v_knobs(config);
  info.class_tokens = config.vision.class_token ? 1 : 0;
  info.fingerprint = checkpoint_fingerprint(*checkpoint);
  info.kv_token_bytes = engine->kv_token_bytes(
      {.layers = config.layers, .kv_heads = config.kv_heads, .head_dim = config.head_dim});
  count_work(*checkpoint, config, info);
  return std::unique_ptr<const Model>(
      std::make_unique<Phi3V>(std::move(checkpoint), std::move(engine), std::move(tokenizer),
                              std::move(config), std::move(weights), std::move(info)));
}

}  // namespace

Architecture phi3v_architecture() {
  return {.type = "phi3_v",
          .title = "Phi-3.5-Vision",
          .knobs = kPhi3VKnobs,
          .load = load_phi3v,
          .open = open_phi3v,
          .measure = measure_phi3v,
          .shapes = kPhi3VShapes,
          .synth = synth_phi3v,
          .check_golden_image = check_phi3v_golden_image};
}

}  // namespace oc
