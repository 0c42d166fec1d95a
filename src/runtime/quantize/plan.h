// What quantisation makes of each tensor, and which file it goes to. Decided before the first byte
// is written, and the same for the same input and options: that is what resuming rests on.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "io/checkpoint.h"

namespace oc {

struct QuantizePlanOptions {
  QuantSpec spec;                            // 4 or 8 bits; groups of 32, 64, 128
  std::optional<DType> dtype = DType::kF16;  // of scales, biases and what stays float; nullopt: as
                                             // each tensor has it
  // What stays float: parts of tensor names between dots ("lm_head", "layers.0"), or "vision" for
  // everything of the vision tower and its projector.
  std::vector<std::string> keep;
  std::size_t shard_bytes = 5'000'000'000;  // most bytes of data in a file, if its tensors allow
};

enum class TensorAction {
  kQuantize,  // to weight, scales, biases
  kCast,      // to the float type
  kCopy       // not a float, or not part of the architecture: as it is
};
std::string_view to_string(TensorAction action);

struct TensorPlan {
  const TensorView* input = nullptr;  // lives as long as the checkpoint
  TensorAction action = TensorAction::kCopy;
  DType dtype = DType::kF16;   // of scales and biases, or of the values
  bool to_mlx_layout = false;  // a patch convolution [C, 3, p, p], stored as [C, p, p, 3]
  std::vector<PlannedTensor> outputs;
  std::size_t bytes() const;  // of the outputs' data
};

struct ShardPlan {
  std::string file;
  std::vector<TensorPlan> tensors;
  std::size_t bytes() const;
};

struct QuantizePlan {
  std::shared_ptr<const Checkpoint> input;
  QuantSpec spec;
  std::vector<ShardPlan> shards;
  // Changes with the input's files (sizes, times, names, samples) and with every option.
  std::string fingerprint;
  std::size_t input_bytes() const;  // of all tensors
};

// By config.json or by its tensors.
bool is_quantised(const Checkpoint& input);

// Errors: kInvalidArgument for an option, kUnsupported for an input that is quantised already or of
// an unknown architecture, kCorrupt for tensors that are missing or of a wrong shape.
Result<QuantizePlan> plan_quantization(std::shared_ptr<const Checkpoint> input,
                                       const QuantizePlanOptions& options);

}  // namespace oc
