#include "models/blocks/rope.h"

#include <cmath>

namespace oc {

void Rope::append(std::int64_t first, std::int64_t count, Batch& batch) const {
  for (std::int64_t position = first; position < first + count; ++position) {
    for (const float inv_freq : inv_freq_) {
      const float angle = static_cast<float>(position) * inv_freq;
      batch.rope_cos.push_back(std::cos(angle) * scale_);
      batch.rope_sin.push_back(std::sin(angle) * scale_);
    }
  }
}

float rope_power(double theta, int pair, int head_dim) {
  const float exponent = static_cast<float>(2 * pair) / static_cast<float>(head_dim);
  return static_cast<float>(std::pow(theta, static_cast<double>(exponent)));
}

}  // namespace oc
