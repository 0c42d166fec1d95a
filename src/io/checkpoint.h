// A model folder as on the hub: config.json, one or several *.safetensors with or without an index,
// tokenizer.json. Tensors are found by name and checked by shape; three kinds of weights are told
// apart tensor by tensor: float (f32, f16, bf16) and MLX affine with 4 or 8 bits.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/residency.h"
#include "io/safetensors.h"

namespace oc {

// MLX affine quantisation: w[n, k] = scale[n, k/group] * q[n, k] + bias[n, k/group], q in
// [0, 2^bits), packed low bits first into uint32: weight is [N, K*bits/32], scales and biases
// [N, K/group] (f16, bf16 or f32). scale may be negative.
struct QuantSpec {
  int bits = 4;         // 4 or 8
  int group_size = 64;  // 32, 64 or 128, along K
  bool operator==(const QuantSpec&) const = default;
};

// What matrices are stored as.
struct WeightType {
  DType dtype = DType::kF32;       // of the elements; quantised: of scales and biases
  std::optional<QuantSpec> quant;  // set for MLX affine
  bool operator==(const WeightType&) const = default;
};
std::string to_string(const WeightType& type);  // for people: "4-bit", "BF16"

// A matrix of N rows and K columns as it lies in the checkpoint, with the layer's own bias if any.
struct RawMatrix {
  std::string name;                // without ".weight", for messages
  std::int64_t rows = 0;           // N, outputs
  std::int64_t cols = 0;           // K, inputs
  TensorView weight;               // [N, K] float, or [N, K*bits/32] u32
  std::optional<QuantSpec> quant;  // set for MLX affine
  TensorView scales, biases;       // [N, K/group] when quantised
  std::optional<TensorView> bias;  // [N] float
  // Floats among quantised matrices, since K is no multiple of the group: an engine that rounds
  // these products' inputs may round the weights to 8 bits.
  bool may_round = false;

  WeightType type() const { return {quant ? scales.dtype : weight.dtype, quant}; }
};

class Checkpoint {
 public:
  // Opens config.json and all tensor files. Errors name the folder or file and what was expected.
  static Result<std::shared_ptr<const Checkpoint>> open(const std::filesystem::path& folder);

  const std::filesystem::path& folder() const { return folder_; }
  const boost::json::object& config() const { return config_; }
  const TensorView* find(std::string_view name) const;
  // All tensors, by file and then by offset.
  std::vector<const TensorView*> tensors() const;
  std::size_t weights_bytes() const;  // sum over the tensor files
  MappedRanges mapped() const;        // the tensor files, as long as this object lives
  // Whether all tensor files are still what was opened: see io/mapped_file.h.
  Result<void> intact() const;

  // The float tensor `name` with exactly this shape. Error: missing (from which files), or both
  // shapes.
  Result<TensorView> tensor(std::string_view name, const Shape& shape) const;
  // `prefix`.weight as an [N, K] matrix, float or quantised (decided by the presence of
  // `prefix`.scales and the dtype, bits from the shapes, group size likewise); `prefix`.bias is
  // required when with_bias and refused otherwise.
  Result<RawMatrix> matrix(std::string_view prefix, std::int64_t rows, std::int64_t cols,
                           bool with_bias) const;

 private:
  Error missing(std::string_view name) const;

  std::filesystem::path folder_;
  boost::json::object config_;
  std::vector<std::string> file_names_;
  std::vector<std::shared_ptr<const SafetensorsFile>> files_;
};

// Widens a float tensor (f32, f16, bf16) to float32.
std::vector<float> to_f32(const TensorView& tensor);
// Row r of a matrix as float32: out[K]. For tests, tools, and embeddings in the reference engine.
void dequantize_row(const RawMatrix& matrix, std::int64_t row, std::span<float> out);

}  // namespace oc
