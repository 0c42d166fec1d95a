// Parts of a ModelFootprint that architectures share.
#pragma once

#include <span>

#include "models/expected_tensors.h"
#include "models/footprint.h"

namespace oc {

// Scores, masks, softmax and what is not freed in time: measured on MLX's CPU device.
inline constexpr std::int64_t kScoreCopies = 5;

// file_bytes, mapped_bytes and copied_bytes; `out.engine` is known.
Result<void> count_weights(const Checkpoint& checkpoint, std::span<const ExpectedTensor> tensors,
                           std::optional<QuantSpec> quantize, ModelFootprint& out);

// Of matrices that `ocellus quantize` writes.
WeightType quantised_type(const QuantSpec& spec);

// Measured: the vocabulary and merges of a tokenizer.json take some three times its size, with what
// reading it leaves behind.
std::size_t tokenizer_bytes(const std::filesystem::path& folder);

// A product's input as the CPU engine copies it: int8 with a scale for each unit and a sum for each
// group of 64, or floats.
std::size_t row_copies(const MemoryTraits& engine, std::int64_t rows, std::int64_t cols);

struct DecoderSizes {
  std::int64_t hidden_size = 0, intermediate_size = 0, vocab_size = 0;
  int heads = 0, kv_heads = 0, head_dim = 0;
};
// Buffers of one step that differ in size: freed ones are kept and fit only their like.
std::size_t step_bytes(const DecoderSizes& sizes, const MemoryTraits& engine,
                       const StepShape& step);

}  // namespace oc
