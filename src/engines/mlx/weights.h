// Prepared weights of the MLX engine: the checkpoint's own layout, in MLX's memory.
#pragma once

#include <mlx/array.h>

#include <optional>
#include <vector>

#include "engines/mlx/arrays.h"
#include "io/checkpoint.h"
#include "ops/weights.h"

namespace oc {

struct MlxMatrix {
  mx::array weight;                         // [N, K], or [N, K*bits/32] u32
  std::optional<mx::array> scales, biases;  // [N, K/group] when quantised
  QuantSpec quant;
  std::optional<mx::array> bias;  // [N]
  mx::Dtype type;                 // that products with it are computed in
};

struct MlxLinear final : LinearWeight {
  std::vector<MlxMatrix> parts;  // stacked along the rows
};

struct MlxTable final : TableWeight {
  explicit MlxTable(MlxMatrix m) : matrix(std::move(m)) {}
  MlxMatrix matrix;
};

struct MlxNorm final : NormWeight {
  explicit MlxNorm(mx::array w) : weight(std::move(w)) {}
  mx::array weight;               // [width] f32
  std::optional<mx::array> bias;  // for kLayer
};

// With `f32`, floats are widened; codes of 4 and 8 bits stay as they are, beside f32 scales.
MlxMatrix mlx_matrix(const RawMatrix& raw, bool f32);

}  // namespace oc
