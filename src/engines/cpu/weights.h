// Prepared weights of the CPU engine: pointers into the checkpoint, no copies but of small vectors.
#pragma once

#include <span>
#include <variant>
#include <vector>

#include "base/result.h"
#include "io/checkpoint.h"
#include "kernels/kernels.h"
#include "ops/weights.h"

namespace oc {

struct CpuMatrix {
  std::variant<kernels::QuantMatrix, kernels::FloatMatrix> data;
  std::int64_t rows = 0, cols = 0;
  const kernels::QuantMatrix* quant() const { return std::get_if<kernels::QuantMatrix>(&data); }
  const kernels::FloatMatrix* floats() const { return std::get_if<kernels::FloatMatrix>(&data); }
};

struct CpuLinear final : LinearWeight {
  std::vector<CpuMatrix> parts;  // stacked along the rows
  std::vector<float> bias;       // [rows] or empty
  // All parts are quantised with the same bits and group: rows can be quantised once for all.
  const kernels::QuantMatrix* common_quant() const;
};

struct CpuTable final : TableWeight {
  RawMatrix raw;  // rows are dequantised when looked up
};

struct CpuNorm final : NormWeight {
  std::vector<float> weight, bias;  // [width]; bias empty for kRms
};

// round: floats, as a matrix whose products round them to 8 bits.
Result<CpuMatrix> prepare_matrix(const RawMatrix& raw, bool round = false);
kernels::Storage storage_of(DType dtype);  // f32, f16, bf16
float number_at(const kernels::QuantMatrix& w, std::int64_t row, std::int64_t col);  // dequantised

}  // namespace oc
