// Rotary position embedding: the angles of a step, for Batch.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/engine.h"

namespace oc {

class Rope {
 public:
  // inv_freq[d/2] in radians a position; cos and sin are multiplied by `scale`.
  explicit Rope(std::vector<float> inv_freq, float scale = 1)
      : inv_freq_(std::move(inv_freq)), scale_(scale) {}
  // Appends cos and sin for `count` positions from `first` on: [count, d/2].
  void append(std::int64_t first, std::int64_t count, Batch& batch) const;

 private:
  std::vector<float> inv_freq_;
  float scale_;
};

// theta^(2i/d) for pair i of a head of d numbers, each step rounded to float32 where torch rounds
// it.
float rope_power(double theta, int pair, int head_dim);

}  // namespace oc
