#include "tests/families/tile_family.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "base/check.h"
#include "image/resize.h"
#include "models/blocks/clip.h"
#include "models/blocks/footprint.h"
#include "models/blocks/rope.h"
#include "models/fingerprint.h"
#include "models/phi3v/synth_config.h"
#include "models/tokenizer_file.h"

namespace oc::test {
namespace {

namespace fs = std::filesystem;

constexpr ImageKnob kKnob = {.name = "max_tiles",
                             .unit = "tile",
                             .meaning = "Most tiles of a picture's strip",
                             .min = 1,
                             .max = 9,
                             .fallback = 3,
                             .low = 1,
                             .high = 9};
constexpr std::array kKnobs = {kKnob};
constexpr std::array<std::string_view, 1> kShapes = {"tiles-tiny"};
constexpr int kLayers = 2, kHeads = 2, kContext = 4096;
constexpr std::int64_t kWidth = 64, kMlp = 128, kVocabulary = 32064;
constexpr std::string_view kFamily = "tiles/1 ";
constexpr ClipConfig kClip = {.hidden_size = 64,
                              .layers = 3,
                              .heads = 2,
                              .intermediate_size = 128,
                              .image_size = 28,
                              .patch_size = 14,
                              .class_token = false};

std::vector<ImageKnob> knobs_with(int fallback) {
  ImageKnob knob = kKnob;
  knob.fallback = fallback;
  return {knob};
}

Result<ImagePlan> plan_strip(int fallback, int width, int height, const ImageOptions& options) {
  OC_ASSIGN_OR_RETURN(const KnobValues knobs, knob_values(knobs_with(fallback), options));
  if (width < 1 || height < 1) return Error{ErrorCode::kInvalidArgument, "an empty picture", ""};
  const bool tall = height > width;
  const int shorter = std::min(width, height), longer = std::max(width, height);
  const int tiles = std::min((longer + shorter - 1) / shorter, knobs.at("max_tiles"));
  ImagePlan plan;
  plan.width = width;
  plan.height = height;
  plan.tokens = static_cast<int>(tiles * kClip.patches()) + 1;
  plan.views = tiles;
  plan.bytes = static_cast<std::size_t>(tiles) * 3 * 28 * 28 * sizeof(float);
  plan.description = {.lines = {{"tiles", fmt::format("{}", tiles)}},
                      .sizes = {{"tiles", tiles}, {"tall", tall}},
                      .answer = {{"tiles", tiles}}};
  plan.family = fmt::format("{}{}{}", kFamily, tiles, tall ? " tall" : "");
  return plan;
}

ImageViews cut(const Image& image, const ImagePlan& plan) {
  const int tiles = tiles_of(plan), side = kClip.image_size;
  const bool tall = plan.family.ends_with("tall");
  const Image strip = tall ? resize_bilinear(image, side, side * tiles)
                           : resize_bilinear(image, side * tiles, side);
  ImageViews views{.side = side, .mean = {0.5f, 0.5f, 0.5f}, .std = {0.5f, 0.5f, 0.5f}};
  for (int tile = 0; tile < tiles; ++tile) {
    views.names.push_back(fmt::format("tile_{}", tile));
    for (int c = 0; c < 3; ++c)
      for (int y = 0; y < side; ++y)
        for (int x = 0; x < side; ++x) {
          const int row = y + (tall ? tile * side : 0), col = x + (tall ? 0 : tile * side);
          const auto at = static_cast<std::size_t>((row * strip.width + col) * 3 + c);
          views.pixels.push_back(static_cast<float>(strip.rgb[at]) / 127.5f - 1);
        }
  }
  return views;
}

// BOS; each picture of a turn, then its role and text.
Result<Prompt> build_prompt(const Tokenizer& tokenizer, std::span<const Message> messages,
                            std::span<const ImagePlan> images, const PromptOptions& options) {
  Prompt prompt;
  prompt.images.assign(images.begin(), images.end());
  prompt.ids.push_back(tokenizer.bos().value());
  std::vector<TokenId> first_row = {0};
  for (const ImagePlan& image : images) first_row.push_back(first_row.back() + image.tokens);
  for (const Message& message : messages) {
    std::string text = message.role == Role::kAssistant ? "Assistant: " : "User: ";
    for (const Part& part : message.parts) {
      if (const auto* words = std::get_if<TextPart>(&part)) text += words->text;
      if (const auto* picture = std::get_if<ImagePart>(&part)) {
        const auto index = static_cast<std::size_t>(picture->index);
        for (int row = 0; row < images[index].tokens; ++row)
          prompt.ids.push_back(-1 - first_row[index] - row);
      }
    }
    for (const TokenId id : tokenizer.encode(text + "\n", false)) prompt.ids.push_back(id);
  }
  if (std::ssize(prompt.ids) > options.room) prompt.too_many = std::ssize(prompt.ids);
  if (prompt.too_many > 0) prompt.ids.clear();
  return prompt;
}

std::vector<ExpectedTensor> tensor_list() {
  std::vector<ExpectedTensor> out = clip_tensors("tower.", kClip);
  const auto matrix = [&](const std::string& name, std::int64_t rows, std::int64_t cols) {
    out.push_back({name + ".weight", Shape{rows, cols}, true});
  };
  matrix("projection", kWidth, kClip.hidden_size);
  out.push_back({"picture_end", Shape{kWidth}, false});
  for (ExpectedTensor& tensor : out) tensor.vision = true;
  matrix("words", kVocabulary, kWidth);
  for (int i = 0; i < kLayers; ++i) {
    const std::string layer = fmt::format("layers.{}.", i);
    out.push_back({layer + "norm1.weight", Shape{kWidth}, false});
    matrix(layer + "qkv", 3 * kWidth, kWidth);
    matrix(layer + "out", kWidth, kWidth);
    out.push_back({layer + "norm2.weight", Shape{kWidth}, false});
    matrix(layer + "gate_up", 2 * kMlp, kWidth);
    matrix(layer + "down", kWidth, kMlp);
  }
  out.push_back({"norm.weight", Shape{kWidth}, false});
  matrix("head", kVocabulary, kWidth);
  return out;
}

struct Layer {
  NormPtr norm1, norm2;  // [D]
  LinearPtr qkv, out, gate_up, down;
};
struct Weights {
  ClipWeights tower;
  LinearPtr projection, head;
  Tensor picture_end;  // [1, D]
  TablePtr words;
  NormPtr norm;
  std::vector<Layer> layers;
};

Result<Weights> load_weights(const Checkpoint& checkpoint, Engine& engine) {
  const WeightLoader load(checkpoint, engine);
  Weights w;
  OC_ASSIGN_OR_RETURN(w.tower, load_clip(load, "tower.", kClip));
  OC_ASSIGN_OR_RETURN(w.projection, load.linear("projection", kWidth, kClip.hidden_size, false));
  OC_ASSIGN_OR_RETURN(w.picture_end, load.row("picture_end", Shape{kWidth}));
  OC_ASSIGN_OR_RETURN(w.words, load.table("words", kVocabulary, kWidth));
  for (int i = 0; i < kLayers; ++i) {
    const std::string at = fmt::format("layers.{}.", i);
    Layer& layer = w.layers.emplace_back();
    OC_ASSIGN_OR_RETURN(layer.norm1, load.rms_norm(at + "norm1", kWidth, 1e-5f));
    OC_ASSIGN_OR_RETURN(layer.norm2, load.rms_norm(at + "norm2", kWidth, 1e-5f));
    OC_ASSIGN_OR_RETURN(layer.qkv, load.linear(at + "qkv", 3 * kWidth, kWidth, false));
    OC_ASSIGN_OR_RETURN(layer.out, load.linear(at + "out", kWidth, kWidth, false));
    OC_ASSIGN_OR_RETURN(layer.gate_up, load.linear(at + "gate_up", 2 * kMlp, kWidth, false));
    OC_ASSIGN_OR_RETURN(layer.down, load.linear(at + "down", kWidth, kMlp, false));
  }
  OC_ASSIGN_OR_RETURN(w.norm, load.rms_norm("norm", kWidth, 1e-5f));
  OC_ASSIGN_OR_RETURN(w.head, load.linear("head", kVocabulary, kWidth, false));
  return w;
}

std::vector<std::int64_t> counting(std::int64_t count) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  return rows;
}

class Strip final : public ImageEncoding {
 public:
  Strip(Engine& engine, const Weights& weights, ImageViews views)
      : engine_(engine), weights_(weights), views_(std::move(views)) {}
  bool done() const override { return !result_.empty(); }
  Tensor result() override { return result_; }
  void step() override {
    const std::size_t view = rows_.size(), size = 3 * 28 * 28;
    Tensor hidden = clip_hidden(engine_, kClip, weights_.tower,
                                std::span(views_.pixels).subspan(view * size, size), nullptr, "");
    rows_.push_back(engine_.linear(std::move(hidden), *weights_.projection, {}));  // [P, D]
    engine_.settle(rows_.back());
    if (rows_.size() < views_.names.size()) return;
    rows_.push_back(weights_.picture_end);
    std::int64_t count = 0;
    for (const Tensor& part : rows_) count += part.rows();
    result_ = engine_.gather(rows_, counting(count), 1);
  }

 private:
  Engine& engine_;
  const Weights& weights_;
  ImageViews views_;
  std::vector<Tensor> rows_;
  Tensor result_;
};

Result<int> fallback_of(const fs::path& folder) {
  OC_ASSIGN_OR_RETURN(const boost::json::object config, read_json_object(folder / "config.json"));
  OC_ASSIGN_OR_RETURN(const std::int64_t tiles,
                      JsonReader(config, "config.json").integer("max_tiles", 1, 9));
  return static_cast<int>(tiles);
}

class Pass final : public ForwardPass {
 public:
  Pass(Engine& engine, const Weights& weights, const Rope& rope, std::span<const StepInput> inputs)
      : engine_(engine), weights_(weights), inputs_(inputs.begin(), inputs.end()) {
    std::vector<Tensor> parts;
    std::int64_t first = 0;
    for (const StepInput& input : inputs_) {
      const auto length = static_cast<std::int64_t>(input.ids.size());
      batch_.segments.push_back({input.kv, input.kv->length(), length});
      rope.append(input.kv->length(), length, batch_);
      parts.push_back(engine_.embed(*weights_.words, input.ids,
                                    input.image_rows != nullptr ? *input.image_rows : Tensor{}));
      if (input.logits && input.logit_rows.empty()) wanted_.push_back(first + length - 1);
      for (const std::int64_t row : input.logit_rows) wanted_.push_back(first + row);
      first += length;
    }
    x_ = engine_.gather(parts, counting(first), 1);
  }
  int layers() const override { return kLayers; }
  int layers_left() const override { return kLayers - next_; }
  void step(int count) override {
    for (; count > 0; --count, ++next_) {
      const Layer& layer = weights_.layers[static_cast<std::size_t>(next_)];
      Tensor qkv = engine_.linear(x_, *layer.qkv, {.norm = layer.norm1.get()});
      const int head_dim = kWidth / kHeads;
      Tensor att = engine_.attend(std::move(qkv),
                                  {.heads = kHeads,
                                   .kv_heads = kHeads,
                                   .head_dim = head_dim,
                                   .scale = 1 / std::sqrt(static_cast<float>(head_dim)),
                                   .layer = next_},
                                  batch_);
      x_ = engine_.linear(std::move(att), *layer.out, {.add = std::move(x_)});
      x_ = engine_.gated_mlp(std::move(x_), *layer.norm2, *layer.gate_up, *layer.down);
    }
    engine_.settle(x_);
  }
  Tensor result() override {
    for (const StepInput& input : inputs_) input.kv->advance(std::ssize(input.ids));
    if (wanted_.empty()) return {};
    Tensor x = engine_.gather(std::span(&x_, 1), wanted_, 1);
    return engine_.linear(std::move(x), *weights_.head, {.norm = weights_.norm.get()});
  }

 private:
  Engine& engine_;
  const Weights& weights_;
  const std::vector<StepInput> inputs_;
  Batch batch_;
  std::vector<std::int64_t> wanted_;
  Tensor x_;      // [T, D]
  int next_ = 0;  // layer
};

class TileModel final : public Model {
 public:
  TileModel(std::shared_ptr<const Checkpoint> checkpoint, std::shared_ptr<Engine> engine,
            std::shared_ptr<const Tokenizer> tokenizer, Weights weights, ModelInfo info)
      : checkpoint_(std::move(checkpoint)),
        engine_(std::move(engine)),
        tokenizer_(std::move(tokenizer)),
        weights_(std::move(weights)),
        info_(std::move(info)) {
    std::vector<float> inv_freq;
    for (int i = 0; i < kWidth / kHeads / 2; ++i)
      inv_freq.push_back(1 / rope_power(10000, i, kWidth / kHeads));
    rope_.emplace(std::move(inv_freq));
  }
  const ModelInfo& info() const override { return info_; }
  const std::shared_ptr<const Tokenizer>& tokenizer() const override { return tokenizer_; }
  Engine& engine() const override { return *engine_; }
  Result<ImagePlan> plan_image(int width, int height, const ImageOptions& options) const override {
    return plan_strip(info_.knobs[0].fallback, width, height, options);
  }
  SampleImage sample_image(int tower_runs) const override {
    const int tiles = std::clamp(tower_runs, 1, 9);
    return {.width = 28 * tiles,
            .height = 28,
            .options = {.knobs = {{"max_tiles", tiles}}},
            .tower_runs = tiles};
  }
  Result<Prompt> build_prompt(std::span<const Message> messages, std::span<const ImagePlan> images,
                              const PromptOptions& options) const override {
    return test::build_prompt(*tokenizer_, messages, images, options);
  }
  Result<std::unique_ptr<ImageEncoding>> begin_image(const Image& image, const ImagePlan& plan,
                                                     const Tap*, const Interrupt&) const override {
    return std::unique_ptr<ImageEncoding>(
        std::make_unique<Strip>(*engine_, weights_, cut(image, plan)));
  }
  std::unique_ptr<KvSequence> make_sequence() const override {
    return engine_->make_sequence(kv_spec());
  }
  static KvSpec kv_spec() {
    return {.layers = kLayers, .kv_heads = kHeads, .head_dim = kWidth / kHeads};
  }
  Tensor join_images(std::span<const Tensor> embeds) const override {
    std::int64_t count = 0;
    for (const Tensor& part : embeds) count += part.rows();
    return engine_->gather(embeds, counting(count), 1);
  }
  std::unique_ptr<ForwardPass> begin_forward(std::span<const StepInput> inputs,
                                             const Tap*) const override {
    return std::make_unique<Pass>(*engine_, weights_, *rope_, inputs);
  }

 private:
  std::shared_ptr<const Checkpoint> checkpoint_;
  std::shared_ptr<Engine> engine_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  Weights weights_;
  ModelInfo info_;
  std::optional<Rope> rope_;
};

class TileBlueprint final : public Blueprint {
 public:
  explicit TileBlueprint(int fallback) : fallback_(fallback) {}
  std::vector<ExpectedTensor> tensors() const override { return tensor_list(); }
  std::vector<ImageKnob> knobs() const override { return knobs_with(fallback_); }
  Result<ImagePlan> plan_image(int width, int height, const ImageOptions& options) const override {
    return plan_strip(fallback_, width, height, options);
  }
  Result<Prompt> build_prompt(const Tokenizer& tokenizer, std::span<const Message> messages,
                              std::span<const ImagePlan> images,
                              const PromptOptions& options) const override {
    return test::build_prompt(tokenizer, messages, images, options);
  }
  Result<ImageViews> preprocess(const Image& image, const ImagePlan& plan) const override {
    return cut(image, plan);
  }
  std::vector<std::pair<std::string, std::string>> summary() const override {
    return {{"tiles", fmt::format("{} by default", fallback_)}};
  }
  boost::json::object sizes() const override { return {{"max_tiles", fallback_}}; }

 private:
  int fallback_;
};

Result<std::unique_ptr<const Blueprint>> open(const fs::path& folder) {
  OC_ASSIGN_OR_RETURN(const int fallback, fallback_of(folder));
  return std::unique_ptr<const Blueprint>(std::make_unique<TileBlueprint>(fallback));
}

Result<WeightType> weight_type(const Checkpoint& checkpoint) {
  OC_ASSIGN_OR_RETURN(const RawMatrix matrix,
                      checkpoint.matrix("layers.0.down", kWidth, kMlp, false));
  return matrix.type();
}

Result<std::unique_ptr<const Model>> load(std::shared_ptr<const Checkpoint> checkpoint,
                                          std::shared_ptr<Engine> engine) {
  OC_ASSIGN_OR_RETURN(const int fallback, fallback_of(checkpoint->folder()));
  OC_ASSIGN_OR_RETURN(auto tokenizer, load_tokenizer(checkpoint->folder()));
  OC_ASSIGN_OR_RETURN(Weights weights, load_weights(*checkpoint, *engine));
  ModelInfo info;
  info.architecture = "tiles";
  info.path = checkpoint->folder().string();
  OC_ASSIGN_OR_RETURN(info.weights, weight_type(*checkpoint));
  info.weights_bytes = checkpoint->weights_bytes();
  info.vocab_size = kVocabulary;
  info.context_length = kContext;
  info.width = kWidth;
  info.stop_ids = {2};
  info.banned_ids = ids_without_token(*tokenizer, kVocabulary);
  info.knobs = knobs_with(fallback);
  info.fingerprint = checkpoint_fingerprint(*checkpoint);
  info.kv_token_bytes = engine->kv_token_bytes(TileModel::kv_spec());
  return std::unique_ptr<const Model>(
      std::make_unique<TileModel>(std::move(checkpoint), std::move(engine), std::move(tokenizer),
                                  std::move(weights), std::move(info)));
}

Result<ModelFootprint> measure(const Checkpoint& checkpoint, const Engine& engine,
                               const StepShape& step, std::optional<QuantSpec> quantize) {
  OC_ASSIGN_OR_RETURN(const int fallback, fallback_of(checkpoint.folder()));
  ModelFootprint out;
  out.architecture = "tiles";
  out.engine = engine.memory_traits();
  out.context_length = kContext;
  OC_ASSIGN_OR_RETURN(out.weights, weight_type(checkpoint));
  if (quantize) out.weights = quantised_type(*quantize);
  OC_RETURN_IF_ERROR(count_weights(checkpoint, tensor_list(), quantize, out));
  out.kv_token_bytes = engine.kv_token_bytes(TileModel::kv_spec());
  out.tokenizer_bytes = tokenizer_bytes(checkpoint.folder());
  out.step_bytes = step_bytes({.hidden_size = kWidth,
                               .intermediate_size = kMlp,
                               .vocab_size = kVocabulary,
                               .heads = kHeads,
                               .kv_heads = kHeads,
                               .head_dim = kWidth / kHeads},
                              out.engine, step);
  for (const ImageDetail detail : {ImageDetail::kAuto, ImageDetail::kHigh}) {
    const ImageOptions options{.detail = detail};
    OC_ASSIGN_OR_RETURN(const ImagePlan plan, plan_strip(fallback, 9000, 10, options));
    ImageFootprint picture{.tokens = plan.tokens, .pixel_bytes = plan.bytes};
    OC_ASSIGN_OR_RETURN(picture.knobs, knob_values(knobs_with(fallback), options));
    picture.description = counted_knobs(kKnobs, picture.knobs);
    picture.cached_bytes = static_cast<std::size_t>(plan.tokens * kWidth) * sizeof(float);
    picture.workspace_bytes = picture.pixel_bytes;
    out.pictures.push_back(std::move(picture));
  }
  return out;
}

SynthCheckpoint synth(std::string_view, int bits) {
  boost::json::object config{{"model_type", "tiles"}, {"max_tiles", kKnob.fallback}};
  if (bits > 0) config["quantization"] = {{"group_size", 64}, {"bits", bits}};
  SynthCheckpoint out{
      .files = {{"config.json", std::move(config)}}, .head = "head", .small_rows = {{0, 2}}};
  for (auto& [name, object] : synth_phi3v("tiny", bits).files)
    if (name == "tokenizer.json") out.files.emplace_back(name, std::move(object));
  return out;
}

}  // namespace

int tiles_of(const ImagePlan& plan) {
  int tiles = 0;
  OC_CHECK(plan.family.starts_with(kFamily), "a plan of another family: {}", plan.family);
  std::from_chars(plan.family.data() + kFamily.size(), plan.family.data() + plan.family.size(),
                  tiles);
  return tiles;
}

Architecture tile_architecture() {
  return {.type = "tiles",
          .title = "a strip of tiles",
          .knobs = kKnobs,
          .load = load,
          .open = open,
          .measure = measure,
          .shapes = kShapes,
          .synth = synth,
          .check_golden_image = nullptr};
}

}  // namespace oc::test
