// Rotary position embedding with the "su" (longrope) scaling of the Phi-3 family.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "models/blocks/rope.h"

namespace oc {

struct RopeParams {
  int head_dim = 0;  // d
  double theta = 10000;
  std::int64_t max_positions = 0, original_max_positions = 0;
  std::vector<double> short_factor, long_factor;  // [d/2]
};

class SuRope {
 public:
  explicit SuRope(const RopeParams& params);
  // 0: every token so far fits the original context, short factors; 1: long factors, for all
  // positions.
  int regime(std::int64_t total_tokens) const { return total_tokens > original_max_ ? 1 : 0; }
  // Appends cos and sin, times the attention factor, for `count` positions from `first` on: [count,
  // d/2].
  void append(int regime, std::int64_t first, std::int64_t count, Batch& batch) const {
    ropes_[static_cast<std::size_t>(regime)].append(first, count, batch);
  }

 private:
  std::int64_t original_max_;
  std::array<Rope, 2> ropes_;  // by regime
};

}  // namespace oc
