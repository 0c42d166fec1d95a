// Values that are huge beside all else in their row. In int8 the others of their unit would round
// to nothing, so these few are multiplied in float32, beside the product of the rest
// (docs/kernels.md, "Outliers"). A row's result depends on nothing but the row.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/kernels.h"

namespace oc {

struct Outlier {
  std::int64_t col = 0;
  float value = 0;
};

// How many times the largest value of the row's median unit is an outlier. A unit that reaches
// it is rounded in steps of half that value. SmolVLM2's are a thousand times that; the embedded
// model's largest are 45 times, so its answers are the bytes that they were.
inline constexpr float kOutlierRatio = 64;
// At most so many of a row, the largest, so that a row costs little more than others.
inline constexpr std::size_t kMaxOutliers = 8;

// What |x| an outlier exceeds; infinity if the row has none. scales: of the row's units as
// quantize_row wrote them, `stride` apart.
float outlier_limit(const float* scales, std::int64_t units, std::int64_t stride);
// Takes them out of a row: zeros stay in their place. By column.
std::vector<Outlier> take_outliers(std::span<float> row, float limit);
// y[n] += Σ W[n, col] · value, n in [begin, end); y[0] is output `begin`.
void add_outliers(const kernels::QuantMatrix& w, std::int64_t begin, std::int64_t end,
                  std::span<const Outlier> outliers, float* y);

}  // namespace oc
