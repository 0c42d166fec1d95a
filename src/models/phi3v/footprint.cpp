#include "models/phi3v/footprint.h"

#include <fmt/format.h>

#include <algorithm>

#include "models/phi3v/weights.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
using Weights = MemoryTraits::Weights;

constexpr int kHighCrops = 16;  // what Phi-3.5-Vision's authors use for one picture

// Scores, masks, softmax and what is not freed in time: measured on MLX's CPU device.
constexpr std::int64_t kScoreCopies = 5;

std::size_t size(std::int64_t count) { return static_cast<std::size_t>(count); }

std::size_t numel(const ExpectedTensor& tensor) { return size(tensor.shape.numel()); }

// A tensor as it is stored, or would be.
struct Stored {
  std::size_t packed_bytes = 0;  // codes of a quantised matrix
  std::size_t numbers = 0;       // floats: all, or scales and biases
  DType type = DType::kF32;      // of those
  std::size_t bytes() const { return packed_bytes + numbers * size_of(type); }
};

class Measure {
 public:
  Measure(const Checkpoint& checkpoint, std::optional<QuantSpec> quantize)
      : checkpoint_(checkpoint), quantize_(quantize) {}

  Result<Stored> operator()(const ExpectedTensor& tensor) const {
    const TensorView* found = checkpoint_.find(tensor.name);
    if (found == nullptr)
      return Error{
          ErrorCode::kCorrupt,
          fmt::format("{}: tensor \"{}\" is missing", checkpoint_.folder().string(), tensor.name),
          "`ocellus inspect` lists everything that is missing"};
    const DType type = quantize_ ? DType::kF16 : found->dtype;  // as `ocellus quantize` writes them
    if (!tensor.matrix) return Stored{.numbers = numel(tensor), .type = type};
    const std::string prefix = tensor.name.substr(0, tensor.name.rfind('.'));
    if (const TensorView* scales = checkpoint_.find(prefix + ".scales")) {
      if (quantize_)
        return Error{ErrorCode::kUnsupported,
                     fmt::format("{} is quantised already", checkpoint_.folder().string()),
                     "leave --quantize out, or start from the checkpoint in full precision"};
      return Stored{.packed_bytes = found->data.size(),
                    .numbers = 2 * size(scales->shape.numel()),
                    .type = scales->dtype};
    }
    const bool whole_groups = quantize_ && tensor.shape[1] % quantize_->group_size == 0;
    if (!whole_groups) return Stored{.numbers = numel(tensor), .type = type};
    return Stored{.packed_bytes = numel(tensor) * size(quantize_->bits) / 8,
                  .numbers = 2 * numel(tensor) / size(quantize_->group_size),
                  .type = type};
  }

 private:
  const Checkpoint& checkpoint_;
  std::optional<QuantSpec> quantize_;
};

// What the engine holds of a tensor beside the file.
std::size_t copied(const ExpectedTensor& tensor, const Stored& stored, Weights weights) {
  // Vectors are float32 everywhere.
  if (!tensor.matrix) return numel(tensor) * sizeof(float);
  switch (weights) {
    case Weights::kInPlace:
      return 0;
    case Weights::kOwnType:
      return stored.bytes();
    case Weights::kWide:
      return stored.packed_bytes + stored.numbers * sizeof(float);
    case Weights::kF32:
      break;
  }
  return numel(tensor) * sizeof(float);
}

Result<void> count_weights(const Checkpoint& checkpoint, const Phi3VConfig& config,
                           std::optional<QuantSpec> quantize, ModelFootprint& out) {
  const Measure measure(checkpoint, quantize);
  // Nothing reads these two, and they are not loaded.
  const std::string unread = fmt::format("encoder.layers.{}.", config.vision.layers - 1);
  for (const ExpectedTensor& tensor : phi3v_tensors(config)) {
    OC_ASSIGN_OR_RETURN(const Stored stored, measure(tensor));
    out.file_bytes += stored.bytes();
    const bool loaded = tensor.name.find(unread) == std::string::npos &&
                        tensor.name.find("post_layernorm") == std::string::npos;
    if (loaded) out.copied_bytes += copied(tensor, stored, out.engine.weights);
  }
  if (!quantize) out.file_bytes = checkpoint.weights_bytes();  // with headers
  // The copying engines read the file once; what it took goes when others need the memory.
  if (out.engine.weights == Weights::kInPlace) out.mapped_bytes = out.file_bytes;
  return {};
}

// A product's input as the CPU engine copies it: int8 with a scale for each unit and a sum for each
// group of 64, or floats.
std::size_t row_copies(const MemoryTraits& engine, std::int64_t rows, std::int64_t cols) {
  if (engine.weights != Weights::kInPlace) return 0;
  return size(rows * cols) * (engine.int8_rows ? 9 : 32) / 8;
}

// Buffers of one step that differ in size: freed ones are kept and fit only their like.
std::size_t step_bytes(const Phi3VConfig& c, const MemoryTraits& engine, const StepShape& step) {
  const std::int64_t t = step.rows, d = c.hidden_size, f = c.intermediate_size;
  const std::int64_t q = std::int64_t{c.heads} * c.head_dim;
  const std::int64_t kv = std::int64_t{c.kv_heads} * c.head_dim;
  std::int64_t numbers = t * (d + (q + 2 * kv) + q + 2 * f) + step.logit_rows * c.vocab_size;
  if (engine.whole_scores) numbers += kScoreCopies * c.heads * t * std::max<std::int64_t>(t, 4096);
  return size(numbers) * engine.number_bytes + row_copies(engine, t, d) + row_copies(engine, t, f) +
         size(step.logit_rows * c.vocab_size) * sizeof(float);  // read out
}

Result<PictureFootprint> measure_picture(const Phi3VConfig& config, const MemoryTraits& engine,
                                         int num_crops) {
  constexpr int kSide = 4096;  // larger than any number of crops: all are used
  OC_ASSIGN_OR_RETURN(const ImagePlan plan, plan_phi3v_image(config, kSide, kSide, num_crops));
  const ClipConfig& v = config.vision;
  const std::int64_t views = 1 + plan.crops_w * plan.crops_h, c = v.hidden_size;
  const std::int64_t rows = v.patches() + 1, side = config.hd.crop_size;
  const std::int64_t merged = std::int64_t{v.merged()} * v.merged() * views;
  PictureFootprint out{.num_crops = num_crops, .tokens = plan.tokens};
  out.cached_bytes = size(plan.tokens * config.hidden_size) * sizeof(float);
  out.pixel_bytes = size(views * 3 * side * side) * sizeof(float);
  // Patches and three layer buffers, what attention packs, the finished views; then the merge and
  // the projector over all tokens.
  std::int64_t numbers = rows * (3 * v.patch_size * v.patch_size + 5 * c + v.intermediate_size) +
                         2 * (rows + 63) / 64 * 64 * c + views * rows * c;
  if (engine.whole_scores) numbers += kScoreCopies * v.heads * rows * rows;
  numbers += (merged + plan.tokens) * 4 * c + plan.tokens * 2 * config.hidden_size;
  out.workspace_bytes = size(numbers) * engine.number_bytes +
                        row_copies(engine, rows, v.intermediate_size) +
                        row_copies(engine, plan.tokens, 4 * c);
  return out;
}

}  // namespace

Result<ModelFootprint> measure_phi3v(const Checkpoint& checkpoint, const Engine& engine,
                                     const StepShape& step, std::optional<QuantSpec> quantize) {
  OC_ASSIGN_OR_RETURN(const Phi3VConfig config, load_phi3v_config(checkpoint.folder()));
  ModelFootprint out;
  out.architecture = "phi3_v";
  out.engine = engine.memory_traits();
  out.context_length = config.max_positions;
  const auto matrix = checkpoint.matrix("model.layers.0.mlp.down_proj", config.hidden_size,
                                        config.intermediate_size, false);
  if (!matrix.ok()) return matrix.error();
  out.quantization = quantize        ? fmt::format("{}-bit", quantize->bits)
                     : matrix->quant ? fmt::format("{}-bit", matrix->quant->bits)
                                     : std::string(to_string(matrix->weight.dtype));
  OC_RETURN_IF_ERROR(count_weights(checkpoint, config, quantize, out));
  out.kv_token_bytes = engine.kv_token_bytes(
      {.layers = config.layers, .kv_heads = config.kv_heads, .head_dim = config.head_dim});
  // Measured: the vocabulary and merges of a tokenizer.json take some three times its size, with
  // what reading it leaves behind.
  std::error_code ignored;
  const std::uintmax_t tokenizer = fs::file_size(checkpoint.folder() / "tokenizer.json", ignored);
  if (!ignored) out.tokenizer_bytes = 3 * static_cast<std::size_t>(tokenizer);
  out.step_bytes = step_bytes(config, out.engine, step);
  for (const int crops : {config.hd.num_crops, kHighCrops}) {
    OC_ASSIGN_OR_RETURN(PictureFootprint picture, measure_picture(config, out.engine, crops));
    out.pictures.push_back(picture);
  }
  return out;
}

}  // namespace oc
