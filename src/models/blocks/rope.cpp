#include "models/blocks/rope.h"

#include <cmath>

namespace oc {

SuRope::SuRope(const RopeParams& params) : original_max_(params.original_max_positions) {
  // modeling_phi3_v.py, Phi3SuScaledRotaryEmbedding: 1 when the context is not extended at all.
  const double scale = static_cast<double>(params.max_positions) /
                       static_cast<double>(params.original_max_positions);
  attention_factor_ =
      scale <= 1.0 ? 1.0f
                   : static_cast<float>(std::sqrt(
                         1.0 + std::log(scale) /
                                   std::log(static_cast<double>(params.original_max_positions))));
  for (const int regime : {0, 1}) {
    const std::vector<double>& factors = regime == 0 ? params.short_factor : params.long_factor;
    for (int i = 0; i < params.head_dim / 2; ++i) {
      // Each step is rounded to float32 where torch rounds it.
      const float power = static_cast<float>(std::pow(
          params.theta,
          static_cast<double>(static_cast<float>(2 * i) / static_cast<float>(params.head_dim))));
      inv_freq_[regime].push_back(
          1.0f / (static_cast<float>(factors[static_cast<std::size_t>(i)]) * power));
    }
  }
}

void SuRope::append(int regime, std::int64_t first, std::int64_t count, Batch& batch) const {
  for (std::int64_t position = first; position < first + count; ++position) {
    for (const float inv_freq : inv_freq_[regime]) {
      const float angle = static_cast<float>(position) * inv_freq;
      batch.rope_cos.push_back(std::cos(angle) * attention_factor_);
      batch.rope_sin.push_back(std::sin(angle) * attention_factor_);
    }
  }
}

}  // namespace oc
