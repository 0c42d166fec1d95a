// A model without weights for tests of the runtime: logits are a function of the tokens so far, and
// every call is recorded. Its tokenizer is tests/data/tokenizer/tiny.json, or another one.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "models/model.h"
#include "text/registry.h"

namespace oc::fake {

inline constexpr TokenId kEnd = 306;         // "<|end|>", the model's stop id
inline constexpr TokenId kAssistant = 308;   // "<|assistant|>", special: no text
inline constexpr std::int64_t kVocab = 320;  // ids 313 to 319 have no token

inline std::shared_ptr<const Tokenizer> tiny_tokenizer() {
  static const std::shared_ptr<const Tokenizer> tokenizer =
      load_tokenizer_json(OC_SOURCE_DIR "/tests/data/tokenizer/tiny.json").value();
  return tokenizer;
}

// A tensor that holds its values.
struct Values final : TensorStorage {
  std::vector<float> values;
};

inline Tensor tensor(std::vector<float> values, std::int64_t rows, std::int64_t cols) {
  auto storage = std::make_shared<Values>();
  storage->values = std::move(values);
  return Tensor(rows, cols, std::move(storage));
}

// Blocks of keys and values that exist.
struct BlockCount {
  std::atomic<std::int64_t> now = 0, peak = 0;
};
struct Block {
  explicit Block(std::shared_ptr<BlockCount> count_in) : count(std::move(count_in)) {
    count->peak = std::max(count->peak.load(), ++count->now);
  }
  ~Block() { --count->now; }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  std::shared_ptr<BlockCount> count;
};

// A cache that holds the tokens themselves, in blocks that are shared and copied as an engine's.
struct Sequence final : KvSequence {
  std::vector<TokenId> ids;
  std::int64_t complete = 0;
  std::vector<std::int64_t>* truncations = nullptr;
  std::vector<std::shared_ptr<Block>> blocks;
  std::shared_ptr<BlockCount> count;

  static std::size_t blocks_of(std::int64_t tokens) {
    return static_cast<std::size_t>(whole_kv_blocks(tokens) / kKvBlockTokens);
  }
  void reserve(std::int64_t position, std::int64_t tokens) {
    while (blocks.size() < blocks_of(tokens)) blocks.push_back(std::make_shared<Block>(count));
    for (auto b = static_cast<std::size_t>(position / kKvBlockTokens); b < blocks.size(); ++b)
      if (blocks[b].use_count() > 1) blocks[b] = std::make_shared<Block>(count);
  }
  std::int64_t length() const override { return complete; }
  void advance(std::int64_t tokens) override { complete += tokens; }
  void truncate(std::int64_t tokens) override {
    complete = tokens;
    ids.resize(static_cast<std::size_t>(tokens));
    blocks.resize(blocks_of(tokens));
    if (truncations != nullptr) truncations->push_back(tokens);
  }
  std::unique_ptr<KvSequence> fork(std::int64_t tokens) const override {
    auto copy = std::make_unique<Sequence>(*this);
    copy->ids.resize(static_cast<std::size_t>(tokens));
    copy->complete = tokens;
    copy->blocks.resize(blocks_of(tokens));
    return copy;
  }
  std::size_t bytes() const override { return blocks.size() * kKvBlockTokens; }  // one a token
};

// Only memory; the fake model needs no ops.
class FakeEngine final : public Engine {
 public:
  EngineInfo info() const override { return {.name = "fake", .one_precision = true}; }
  Result<LinearPtr> prepare_linear(std::span<const RawMatrix>) override { return no_op(); }
  Result<TablePtr> prepare_table(const RawMatrix&) override { return no_op(); }
  Result<NormPtr> prepare_norm(NormKind, float, const TensorView&, const TensorView*) override {
    return no_op();
  }
  std::unique_ptr<KvSequence> make_sequence(const KvSpec&) override {
    return std::make_unique<Sequence>();
  }
  Tensor upload(std::span<const float> values, std::int64_t rows, std::int64_t cols) override {
    return tensor({values.begin(), values.end()}, rows, cols);
  }
  void read(const Tensor& t, std::span<float> out) override {
    const auto& values = dynamic_cast<const Values&>(*t.storage()).values;
    OC_CHECK(values.size() == out.size(), "read {} of {}", out.size(), values.size());
    std::copy(values.begin(), values.end(), out.begin());
  }
  Tensor embed(const TableWeight&, std::span<const std::int32_t>, const Tensor&) override {
    OC_CHECK(false, "no ops");
  }
  Tensor linear(Tensor, const LinearWeight&, LinearOptions) override { OC_CHECK(false, "no ops"); }
  Tensor gated_mlp(Tensor, const NormWeight&, const LinearWeight&, const LinearWeight&) override {
    OC_CHECK(false, "no ops");
  }
  Tensor attend(Tensor, const AttendSpec&, const Batch&) override { OC_CHECK(false, "no ops"); }
  Tensor attend_full(Tensor, const AttendSpec&, std::int64_t) override {
    OC_CHECK(false, "no ops");
  }
  Tensor norm(Tensor, const NormWeight&) override { OC_CHECK(false, "no ops"); }
  Tensor gather(std::span<const Tensor>, std::span<const std::int64_t>, int) override {
    OC_CHECK(false, "no ops");
  }
  Tensor add_table(Tensor, const TableWeight&) override { OC_CHECK(false, "no ops"); }

 private:
  static Error no_op() { return {ErrorCode::kUnsupported, "the fake engine has no ops"}; }
};

// What a request says for so many views of a picture.
inline ImageOptions crops(int count) { return {.knobs = {{"num_crops", count}}}; }

// One forward call.
struct Step {
  std::int64_t position = 0, length = 0;
  int regime = 0;
  bool image_rows = false;
  bool operator==(const Step&) const = default;
};

// Some layers of one forward call.
struct LayerStep {
  std::int64_t rows = 0;
  int layers = 0;
};

class FakeModel : public Model {
 public:
  // The logits after these tokens (the whole sequence).
  using Logits = std::function<std::vector<float>(std::span<const TokenId> ids)>;

  explicit FakeModel(Logits logits, std::shared_ptr<const Tokenizer> tokenizer = tiny_tokenizer())
      : logits_(std::move(logits)), tokenizer_(std::move(tokenizer)) {
    info_.architecture = "fake";
    info_.vocab_size = kVocab;
    info_.context_length = 1000;
    info_.stop_ids = {2, kEnd};
    info_.banned_ids = ids_without_token(*tokenizer_, kVocab);
    info_.knobs = {{.name = "num_crops",
                    .unit = "crop",
                    .meaning = "Most crops a picture is cut into",
                    .max = 64,
                    .fallback = 4,
                    .low = 1,
                    .high = 16}};
  }

  // A model that answers every prompt with these tokens. The prompt is what came in one or several
  // prefill steps, so the answer starts after `prompt` tokens.
  static std::unique_ptr<FakeModel> answering(
      std::vector<TokenId> answer, std::shared_ptr<const Tokenizer> tokenizer = tiny_tokenizer()) {
    auto model = std::make_unique<FakeModel>(nullptr, std::move(tokenizer));
    FakeModel* self = model.get();
    model->logits_ = [self, answer = std::move(answer)](std::span<const TokenId> ids) {
      if (std::ssize(ids) < self->prompt_length) return one_hot(0);  // amid the prefill
      const std::size_t given = ids.size() - static_cast<std::size_t>(self->prompt_length);
      OC_CHECK(given < answer.size(), "the model was asked for more than its {} tokens",
               answer.size());
      return one_hot(answer[given]);
    };
    return model;
  }

  static std::vector<float> one_hot(TokenId id) {
    OC_CHECK(id >= 0 && id < kVocab, "no token {}", id);
    std::vector<float> logits(kVocab, 0.0f);
    logits[static_cast<std::size_t>(id)] = 10;
    return logits;
  }

  const ModelInfo& info() const override { return info_; }
  const std::shared_ptr<const Tokenizer>& tokenizer() const override { return tokenizer_; }
  Engine& engine() const override { return engine_; }
  Result<void> intact() const override {
    if (!lost) return {};
    return Error{ErrorCode::kUnavailable, "fake.safetensors: was cut off", "rename"};
  }
  // A file of the weights was cut off: what is computed from now on is nonsense.
  mutable std::atomic<bool> lost{false};

  // Five tokens a crop.
  Result<ImagePlan> plan_image(int width, int height, const ImageOptions& options) const override {
    OC_ASSIGN_OR_RETURN(const KnobValues knobs, knob_values(info_.knobs, options));
    ImagePlan plan;
    plan.width = width;
    plan.height = height;
    plan.views = knobs.at("num_crops");
    plan.tokens = 5 * plan.views;
    plan.bytes = 1000;
    plan.family = "fake/1 " + std::to_string(plan.views);
    return plan;
  }
  SampleImage sample_image(int tower_runs) const override {
    return {.width = 4,
            .height = 4,
            .options = {.knobs = {{"num_crops", tower_runs}}},
            .tower_runs = tower_runs};
  }

  // BOS, each picture's positions followed by BOS, the text of all messages.
  Result<Prompt> build_prompt(std::span<const Message> messages, std::span<const ImagePlan> images,
                              const PromptOptions& options) const override {
    Prompt prompt;
    std::size_t bytes = 0;
    for (const Message& message : messages)
      for (const Part& part : message.parts)
        if (const auto* text = std::get_if<TextPart>(&part))
          bytes += tokenizer_->normalised_bytes(text->text);
    if (const auto min_tokens = static_cast<std::int64_t>(bytes / tokenizer_->longest_token());
        min_tokens > options.room) {
      prompt.too_many = min_tokens;
      return prompt;
    }
    prompt.images.assign(images.begin(), images.end());
    prompt.ids.push_back(1);
    TokenId row = 0;
    for (const ImagePlan& image : images) {
      for (int i = 0; i < image.tokens; ++i) prompt.ids.push_back(-1 - row++);
      prompt.ids.push_back(1);
    }
    if (blocks_of_images && !images.empty())
      prompt.blocks = {{0, static_cast<std::int64_t>(prompt.ids.size())}};
    for (const Message& message : messages)
      for (const Part& part : message.parts)
        if (const auto* text = std::get_if<TextPart>(&part))
          for (const TokenId id : tokenizer_->encode(text->text, false)) prompt.ids.push_back(id);
    prompt_length = static_cast<std::int64_t>(prompt.ids.size());
    return prompt;
  }

  // As many steps as views.
  Result<std::unique_ptr<ImageEncoding>> begin_image(const Image& image, const ImagePlan& plan,
                                                     const Tap*, const Interrupt&) const override {
    struct Encoding final : ImageEncoding {
      const FakeModel* model;
      ImagePlan plan;
      float shade = 0;
      int steps = 0;
      bool done() const override { return steps == plan.views; }
      void step() override {
        ++steps;
        ++model->tiles;
        if (model->on_tile) model->on_tile(model->tiles);
      }
      Tensor result() override {
        const std::int64_t width = model->info_.width;
        return tensor(std::vector<float>(static_cast<std::size_t>(plan.tokens * width), shade),
                      plan.tokens, width);
      }
    };
    auto encoding = std::make_unique<Encoding>();
    if (on_preprocess) on_preprocess();
    encoding->model = this;
    encoding->plan = plan;
    encoding->shade = image.rgb.empty() ? 0 : image.rgb[0];
    return std::unique_ptr<ImageEncoding>(std::move(encoding));
  }

  std::unique_ptr<KvSequence> make_sequence() const override {
    auto sequence = std::make_unique<Sequence>();
    sequence->truncations = &truncations;
    sequence->count = blocks;
    return sequence;
  }
  int position_regime(std::int64_t total) const override { return total > regime_limit ? 1 : 0; }

  std::unique_ptr<ForwardPass> begin_forward(std::span<const StepInput> inputs,
                                             const Tap*) const override {
    struct Pass final : ForwardPass {
      const FakeModel* model;
      std::vector<StepInput> inputs;
      int left = 0;
      int layers() const override { return model->layers; }
      int layers_left() const override { return left; }
      void step(int count) override {
        OC_CHECK(count > 0 && count <= left, "{} of {} layers", count, left);
        left -= count;
        LayerStep done{0, count};
        for (const StepInput& input : inputs) {
          auto& sequence = dynamic_cast<Sequence&>(*input.kv);
          const std::int64_t length = sequence.length(), rows = std::ssize(input.ids);
          check_whole(input.blocks, length, length + rows);
          sequence.reserve(length, length + rows);  // of keys and values that are not complete
          done.rows += rows;
        }
        model->layer_steps.push_back(done);
        if (model->on_layers) model->on_layers(model->layer_steps.size());
      }
      Tensor result() override {
        OC_CHECK(left == 0, "{} layers are left", left);
        return model->complete(inputs);
      }
      // A step holds a block as a whole, or nothing of it.
      static void check_whole(std::span<const TokenRange> blocks, std::int64_t begin,
                              std::int64_t end) {
        for (const TokenRange& block : blocks)
          OC_CHECK(block.end <= begin || block.begin >= end ||
                       (block.begin >= begin && block.end <= end),
                   "the step {} to {} divides the block {} to {}", begin, end, block.begin,
                   block.end);
      }
    };
    auto pass = std::make_unique<Pass>();
    pass->model = this;
    pass->inputs.assign(inputs.begin(), inputs.end());
    pass->left = layers;
    return pass;
  }
  Tensor join_images(std::span<const Tensor> embeds) const override {
    std::vector<float> rows;
    std::int64_t count = 0;
    for (const Tensor& part : embeds) {
      const auto& values = dynamic_cast<const Values&>(*part.storage()).values;
      rows.insert(rows.end(), values.begin(), values.end());
      count += part.rows();
    }
    joined = rows;
    return tensor(std::move(rows), count, info_.width);
  }

  ModelInfo& mutable_info() { return info_; }

  // What happened, and what to do when it does. Engine thread only.
  mutable std::vector<Step> steps;             // when their last layer was computed
  mutable std::vector<LayerStep> layer_steps;  // all of them, whole steps as well
  mutable std::vector<std::size_t> batches;    // inputs of each forward call
  mutable std::vector<std::int64_t> truncations;
  mutable int tiles = 0;
  std::shared_ptr<BlockCount> blocks = std::make_shared<BlockCount>();  // of all sequences
  mutable std::vector<float> joined;                    // what the last request's pictures became
  mutable std::atomic<std::int64_t> prompt_length = 0;  // of the last prompt built
  std::function<void(std::size_t)> on_step;
  std::function<void(int)> on_tile;
  std::function<void(std::size_t)> on_layers;
  std::function<void()> on_preprocess;  // any thread
  std::int64_t regime_limit = 1 << 20;  // longer sequences are regime 1
  int layers = 4;
  bool blocks_of_images = false;  // BOS and a prompt's pictures are a block that is never divided

 private:
  // Logits of the wanted rows, as ForwardPass::result().
  Tensor complete(std::span<const StepInput> inputs) const {
    std::vector<float> rows;
    for (const StepInput& input : inputs) {
      auto& sequence = dynamic_cast<Sequence&>(*input.kv);
      const auto length = static_cast<std::int64_t>(input.ids.size());
      steps.push_back({sequence.length(), length, input.regime, input.image_rows != nullptr});
      sequence.ids.insert(sequence.ids.end(), input.ids.begin(), input.ids.end());
      sequence.advance(length);
      if (on_step) on_step(steps.size());
      const std::size_t before = sequence.ids.size() - input.ids.size();
      std::vector<std::int64_t> wanted(input.logit_rows.begin(), input.logit_rows.end());
      OC_CHECK(input.logits || wanted.empty(), "rows of logits that are not wanted");
      if (input.logits && wanted.empty()) wanted.push_back(length - 1);
      for (const std::int64_t row : wanted) {
        const std::vector<float> logits =
            logits_(std::span(sequence.ids).first(before + static_cast<std::size_t>(row) + 1));
        rows.insert(rows.end(), logits.begin(), logits.end());
      }
    }
    batches.push_back(inputs.size());
    const std::int64_t count = std::ssize(rows) / kVocab;
    if (count == 0) return {};
    return tensor(std::move(rows), count, kVocab);
  }

  Logits logits_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  ModelInfo info_;
  mutable FakeEngine engine_;
};

}  // namespace oc::fake
