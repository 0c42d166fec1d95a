#include "models/phi3v/su_rope.h"

#include <cmath>

namespace oc {
namespace {

// modeling_phi3_v.py, Phi3SuScaledRotaryEmbedding: 1 when the context is not extended at all.
float attention_factor(const RopeParams& params) {
  const double scale = static_cast<double>(params.max_positions) /
                       static_cast<double>(params.original_max_positions);
  if (scale <= 1.0) return 1.0f;
  return static_cast<float>(std::sqrt(
      1.0 + std::log(scale) / std::log(static_cast<double>(params.original_max_positions))));
}

// 1 / (factor_i · theta^(2i/d)), float32 as the reference.
Rope scaled(const RopeParams& params, const std::vector<double>& factors) {
  std::vector<float> inv_freq;
  for (int i = 0; i < params.head_dim / 2; ++i)
    inv_freq.push_back(1.0f / (static_cast<float>(factors[static_cast<std::size_t>(i)]) *
                               rope_power(params.theta, i, params.head_dim)));
  return Rope(std::move(inv_freq), attention_factor(params));
}

}  // namespace

SuRope::SuRope(const RopeParams& params)
    : original_max_(params.original_max_positions),
      ropes_{scaled(params, params.short_factor), scaled(params, params.long_factor)} {}

}  // namespace oc
