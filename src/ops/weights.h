// Prepared weights: what an engine made of a checkpoint's tensors. Models hold them and pass them
// back; only the engine that made one can look inside. Const after preparation, any thread.
#pragma once

#include <cstdint>
#include <memory>

namespace oc {

// y[T, rows] = x[T, cols] · Wᵀ (+ bias). May be several checkpoint matrices stacked along rows.
struct LinearWeight {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  bool rounds_input = false;  // its products take int8 rows
  virtual ~LinearWeight() = default;
};
using LinearPtr = std::shared_ptr<const LinearWeight>;

// Rows that are looked up: token or position embeddings. [rows, cols]
struct TableWeight {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  virtual ~TableWeight() = default;
};
using TablePtr = std::shared_ptr<const TableWeight>;

// RMSNorm: x / sqrt(mean(x²) + eps) · weight. LayerNorm: (x − mean) / sqrt(var + eps) · weight +
// bias.
enum class NormKind { kRms, kLayer };
struct NormWeight {
  NormKind kind = NormKind::kRms;
  std::int64_t width = 0;
  float eps = 1e-5f;
  virtual ~NormWeight() = default;
};
using NormPtr = std::shared_ptr<const NormWeight>;

}  // namespace oc
