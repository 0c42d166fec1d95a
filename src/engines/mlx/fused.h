// Chains of elementwise ops. Compiled, each is one kernel; otherwise MLX runs them one by one. They
// compute in f32 and return the type that came in.
#pragma once

#include <mlx/array.h>
#include <mlx/stream.h>

#include <functional>
#include <vector>

#include "engines/mlx/arrays.h"
#include "ops/engine.h"

namespace oc {

class Fused {
 public:
  Fused(mx::Stream stream, bool compile);

  mx::array activate(const mx::array& x, Activation activation) const;
  mx::array gate(const mx::array& gate, const mx::array& up) const;  // silu(gate) · up
  // Rotate-half of x [T, n, d] by angles [T, 1, d/2]. mlx::fast::rope could do the same for one
  // sequence (its `freqs` are factor_i · theta^(2i/d), the attention factor goes into x), but takes
  // one set of factors and one run of positions a call, and rounds angles otherwise than the
  // reference does.
  mx::array rotate(const mx::array& x, const mx::array& cos, const mx::array& sin) const;

 private:
  using Closure = std::function<std::vector<mx::array>(const std::vector<mx::array>&)>;

  mx::Stream stream_;
  Closure quick_gelu_, gelu_, gelu_tanh_, silu_, gate_, rotate_;
};

}  // namespace oc
