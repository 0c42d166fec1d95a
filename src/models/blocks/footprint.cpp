#include "models/blocks/footprint.h"

#include <fmt/format.h>

#include <algorithm>

#include "io/files.h"

namespace oc {
namespace {

using Weights = MemoryTraits::Weights;

constexpr DType kQuantisedScales = DType::kF16;  // as `ocellus quantize` writes floats

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
    const DType type = quantize_ ? kQuantisedScales : found->dtype;
    if (!tensor.matrix) return Stored{.numbers = numel(tensor), .type = type};
    if (const TensorView* scales = checkpoint_.find(matrix_prefix(tensor.name) + ".scales")) {
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
  if (!tensor.matrix && !tensor.table) return numel(tensor) * sizeof(float);
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

}  // namespace

Result<void> count_weights(const Checkpoint& checkpoint, std::span<const ExpectedTensor> tensors,
                           std::optional<QuantSpec> quantize, ModelFootprint& out) {
  const Measure measure(checkpoint, quantize);
  for (const ExpectedTensor& tensor : tensors) {
    OC_ASSIGN_OR_RETURN(const Stored stored, measure(tensor));
    out.file_bytes += stored.bytes();
    if (tensor.read) out.copied_bytes += copied(tensor, stored, out.engine.weights);
  }
  if (!quantize) out.file_bytes = checkpoint.weights_bytes();  // with headers
  // The copying engines read the file once; what it took goes when others need the memory.
  if (out.engine.weights == Weights::kInPlace) out.mapped_bytes = out.file_bytes;
  return {};
}

WeightType quantised_type(const QuantSpec& spec) { return {kQuantisedScales, spec}; }

std::size_t tokenizer_bytes(const std::filesystem::path& folder) {
  const auto bytes = file_bytes(folder / "tokenizer.json");
  return bytes.ok() ? 3 * static_cast<std::size_t>(*bytes) : 0;
}

std::size_t row_copies(const MemoryTraits& engine, std::int64_t rows, std::int64_t cols) {
  if (engine.weights != Weights::kInPlace) return 0;
  return size(rows * cols) * (engine.int8_rows ? 9 : 32) / 8;
}

std::size_t step_bytes(const DecoderSizes& c, const MemoryTraits& engine, const StepShape& step) {
  const std::int64_t t = step.rows, d = c.hidden_size, f = c.intermediate_size;
  const std::int64_t q = std::int64_t{c.heads} * c.head_dim;
  const std::int64_t kv = std::int64_t{c.kv_heads} * c.head_dim;
  std::int64_t numbers = t * (d + (q + 2 * kv) + q + 2 * f) + step.logit_rows * c.vocab_size;
  if (engine.whole_scores) numbers += kScoreCopies * c.heads * t * std::max<std::int64_t>(t, 4096);
  return size(numbers) * engine.number_bytes + row_copies(engine, t, d) + row_copies(engine, t, f) +
         size(step.logit_rows * c.vocab_size) * sizeof(float);  // read out
}

}  // namespace oc
