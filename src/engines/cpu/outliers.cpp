#include "engines/cpu/outliers.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engines/cpu/weights.h"

namespace oc {

float outlier_limit(const float* scales, std::int64_t units, std::int64_t stride) {
  float largest = 0;
  for (std::int64_t u = 0; u < units; ++u) largest = std::max(largest, scales[u * stride]);
  std::int64_t below = 0;
  for (std::int64_t u = 0; u < units; ++u) below += scales[u * stride] * kOutlierRatio < largest;
  const std::int64_t middle = (units - 1) / 2;
  if (below <= middle) return std::numeric_limits<float>::infinity();
  std::vector<float> sorted(static_cast<std::size_t>(units));
  for (std::int64_t u = 0; u < units; ++u) sorted[static_cast<std::size_t>(u)] = scales[u * stride];
  std::ranges::nth_element(sorted, sorted.begin() + middle);
  return kOutlierRatio * 127 * sorted[static_cast<std::size_t>(middle)];
}

std::vector<Outlier> take_outliers(std::span<float> row, float limit) {
  std::vector<Outlier> out;
  for (std::size_t c = 0; c < row.size(); ++c)
    if (std::abs(row[c]) > limit) out.push_back({static_cast<std::int64_t>(c), row[c]});
  if (out.size() > kMaxOutliers) {
    const auto before = [](const Outlier& a, const Outlier& b) {
      const float one = std::abs(a.value), other = std::abs(b.value);
      return one != other ? one > other : a.col < b.col;
    };
    std::ranges::nth_element(out, out.begin() + kMaxOutliers, before);
    out.resize(kMaxOutliers);
    std::ranges::sort(out, {}, &Outlier::col);
  }
  for (const Outlier& one : out) row[static_cast<std::size_t>(one.col)] = 0;
  return out;
}

void add_outliers(const kernels::QuantMatrix& w, std::int64_t begin, std::int64_t end,
                  std::span<const Outlier> outliers, float* y) {
  for (std::int64_t n = begin; n < end; ++n)
    for (const Outlier& one : outliers) y[n - begin] += number_at(w, n, one.col) * one.value;
}

}  // namespace oc
