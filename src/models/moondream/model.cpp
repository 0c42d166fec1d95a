#include "models/moondream/model.h"

#include <fmt/format.h>

#include <algorithm>

#include "io/digest.h"
#include "io/files.h"
#include "models/blocks/rope.h"
#include "models/fingerprint.h"
#include "models/moondream/blueprint.h"
#include "models/moondream/config.h"
#include "models/moondream/footprint.h"
#include "models/moondream/forward.h"
#include "models/moondream/image.h"
#include "models/moondream/plan.h"
#include "models/moondream/prompt.h"
#include "models/moondream/region.h"
#include "models/moondream/synth_config.h"
#include "models/moondream/weights.h"
#include "models/tokenizer_file.h"

namespace oc {
namespace {

constexpr double kRopeTheta = 10000;

Rope half_rope(const MoondreamConfig& config) {
  std::vector<float> inv_freq;
  for (int i = 0; i < config.rotated() / 2; ++i)
    inv_freq.push_back(1.0f / rope_power(kRopeTheta, i, config.rotated()));
  return Rope(std::move(inv_freq));
}

KvSpec kv_spec(const MoondreamConfig& config) {
  return {.layers = config.layers, .kv_heads = config.heads, .head_dim = config.head_dim()};
}

class Moondream final : public Model {
 public:
  Moondream(std::shared_ptr<const Checkpoint> checkpoint, std::shared_ptr<Engine> engine,
            std::shared_ptr<const Tokenizer> tokenizer, MoondreamConfig config,
            MoondreamWeights weights, ModelInfo info)
      : checkpoint_(std::move(checkpoint)),
        engine_(std::move(engine)),
        tokenizer_(std::move(tokenizer)),
        config_(std::move(config)),
        weights_(std::move(weights)),
        info_(std::move(info)),
        rope_(half_rope(config_)),
        in_place_(engine_->memory_traits().weights == MemoryTraits::Weights::kInPlace) {}

  const ModelInfo& info() const override { return info_; }
  const std::shared_ptr<const Tokenizer>& tokenizer() const override { return tokenizer_; }
  Engine& engine() const override { return *engine_; }

  Result<ImagePlan> plan_image(int width, int height, const ImageOptions& options) const override {
    return plan_moondream_image(config_, width, height, options);
  }
  SampleImage sample_image(int tower_runs) const override {
    return sample_moondream_image(config_, tower_runs);
  }
  Result<Prompt> build_prompt(std::span<const Message> messages, std::span<const ImagePlan> images,
                              const PromptOptions& options) const override {
    return build_moondream_prompt(*tokenizer_, config_, messages, images, options);
  }
  Result<std::unique_ptr<ImageEncoding>> begin_image(const Image& image, const ImagePlan& plan,
                                                     const Tap* tap,
                                                     const Interrupt& interrupt) const override {
    return begin_moondream_image(*engine_, config_, weights_, image, plan, tap, interrupt);
  }
  std::unique_ptr<KvSequence> make_sequence() const override {
    return engine_->make_sequence(kv_spec(config_));
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
    const DecoderHeads heads{config_.heads, config_.heads, config_.head_dim(), config_.rotated()};
    const auto append = [this](int, std::int64_t first, std::int64_t count, Batch& batch) {
      rope_.append(first, count, batch);
    };
    return begin_moondream_forward(*engine_, heads, weights_, append, inputs, tap);
  }

  std::unique_ptr<ObjectDecoding> begin_objects(const Task& task,
                                                const ObjectOptions& options) const override {
    OC_CHECK(weights_.region && finds_objects(task), "no region head, or no task for it");
    return begin_moondream_objects(*engine_, config_, *weights_.region, task, options);
  }

 private:
  std::shared_ptr<const Checkpoint> checkpoint_;
  std::shared_ptr<Engine> engine_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  MoondreamConfig config_;
  MoondreamWeights weights_;
  ModelInfo info_;
  Rope rope_;
  bool in_place_;  // the engine reads the files, it has no copies
};

void count_work(const Checkpoint& checkpoint, const MoondreamConfig& c, ModelInfo& info) {
  const MoondreamNames names = moondream_names(checkpoint);
  for (const TensorView* tensor : checkpoint.tensors())
    if (tensor->name.starts_with(names.layers) || tensor->name.starts_with(names.norm + ".") ||
        tensor->name.starts_with(names.lm_head + "."))
      info.token_bytes += tensor->data.size();
  const auto d = static_cast<double>(c.hidden_size), f = static_cast<double>(c.intermediate_size);
  info.token_ops = 2.0 * c.layers * (4 * d * d + 2 * d * f);
  const SiglipConfig& v = c.vision;
  const auto width = static_cast<double>(v.hidden_size);
  const auto mlp = static_cast<double>(v.intermediate_size);
  const auto patches = static_cast<double>(v.patches());
  info.view_ops = 2.0 * v.layers *
                  (patches * (4 * width * width + 2 * width * mlp) + 2 * patches * patches * width);
}

// `found`: what the folder has instead.
Error needs_starmie(const MoondreamConfig& config, std::string_view found) {
  return {
      ErrorCode::kCorrupt,
      fmt::format("revision {} ({}) needs the tokenizer.json of moondream/starmie-v1, "
                  "which has <|endoftext|> as {}; {}",
                  config.revision.revision->name, config.revision.why, config.prompts.eos, found),
      "`ocellus pull` of this revision fetches it"};
}

// What prompts begin with must be what the tokenizer has for it: the tokenizer of another revision
// would be taken for the model's.
Result<void> check_tokenizer(const Tokenizer& tokenizer, const MoondreamConfig& config) {
  if (tokenizer.vocab_size() > config.vocab_size)
    return Error{ErrorCode::kCorrupt,
                 fmt::format("tokenizer.json has {} tokens, config.json a vocab_size of {}",
                             tokenizer.vocab_size(), config.vocab_size),
                 "use the tokenizer that belongs to the model"};
  const auto end = tokenizer.id_of("<|endoftext|>");
  if (end == config.prompts.eos) return {};
  const std::string found = end ? std::to_string(*end) : "nothing";
  if (config.revision.revision->starmie)
    return needs_starmie(config, fmt::format("the one in the folder has it as {}", found));
  return Error{
      ErrorCode::kCorrupt,
      fmt::format("tokenizer.json has <|endoftext|> as {}, revision {} ({}) has it as {}", found,
                  config.revision.revision->name, config.revision.why, config.prompts.eos),
      "use the tokenizer that belongs to the model, or say which revision it is: "
      "\"revision\" in \"config\" of config.json"};
}

std::vector<std::string> notes_of(const FoundRevision& found) {
  std::vector<std::string> notes;
  if (found.assumed)
    notes.push_back(
        fmt::format("Moondream2 of {} is assumed: {}", found.revision->name, found.why));
  if (found.revision->starmie)
    notes.push_back(fmt::format("Moondream2 of {} is not verified: there is no golden data of it",
                                found.revision->name));
  return notes;
}

Result<std::unique_ptr<const Model>> load_moondream(std::shared_ptr<const Checkpoint> checkpoint,
                                                    std::shared_ptr<Engine> engine) {
  OC_ASSIGN_OR_RETURN(MoondreamConfig config, load_moondream_config(checkpoint->folder()));
  if (config.revision.revision->starmie && !is_file(checkpoint->folder() / "tokenizer.json"))
    return needs_starmie(config, "there is none in the folder");
  OC_ASSIGN_OR_RETURN(std::shared_ptr<const Tokenizer> tokenizer,
                      load_tokenizer(checkpoint->folder()));
  OC_RETURN_IF_ERROR(check_tokenizer(*tokenizer, config));
  OC_ASSIGN_OR_RETURN(MoondreamWeights weights,
                      load_moondream_weights(*checkpoint, config, *engine));
  ModelInfo info;
  info.architecture = "moondream1";
  info.path = checkpoint->folder().string();
  OC_ASSIGN_OR_RETURN(info.weights, moondream_weight_type(*checkpoint, config));
  info.weights_bytes = checkpoint->weights_bytes();
  info.vocab_size = config.vocab_size;
  info.context_length = config.max_positions;
  info.width = config.hidden_size;
  info.stop_ids = {config.prompts.eos};
  info.banned_ids = ids_without_token(*tokenizer, info.vocab_size);
  info.banned_ids.insert(info.banned_ids.end(), config.prompts.control_ids.begin(),
                         config.prompts.control_ids.end());
  std::ranges::sort(info.banned_ids);
  info.knobs = moondream_knobs(config);
  info.tasks = moondream_tasks(config, weights.region.has_value());
  info.notes = notes_of(config.revision);
  // The same weights are asked otherwise as of another revision.
  Digest digest;
  digest.add(checkpoint_fingerprint(*checkpoint));
  digest.add(config.revision.revision->name);
  info.fingerprint = digest.finish_hex();
  info.kv_token_bytes = engine->kv_token_bytes(kv_spec(config));
  count_work(*checkpoint, config, info);
  return std::unique_ptr<const Model>(
      std::make_unique<Moondream>(std::move(checkpoint), std::move(engine), std::move(tokenizer),
                                  std::move(config), std::move(weights), std::move(info)));
}

}  // namespace

Architecture moondream_architecture() {
  return {.type = "moondream1",
          .title = "Moondream2",
          .knobs = kMoondreamKnobs,
          .load = load_moondream,
          .open = open_moondream,
          .measure = measure_moondream,
          .shapes = kMoondreamShapes,
          .synth = synth_moondream,
          .check_golden_image = check_moondream_golden_image,
          .golden_knobs = moondream_golden_knobs,
          .golden_limits = kMoondreamGoldenLimits,
          .golden_family = "moondream2",
          .tasks = true,
          .other_type = "moondream2"};
}

}  // namespace oc
