// The engine on MLX's C++ library: Metal on Apple silicon, CUDA on NVIDIA, plain loops on other
// processors (for tests). Only in builds that found MLX (OC_MLX, cmake/mlx.cmake).
#pragma once

#include <memory>

#include "base/result.h"
#include "ops/engine.h"

namespace oc {

struct MlxOptions {
  bool gpu = false;              // else MLX's CPU device
  bool f32_activations = false;  // else the type of each weight: f16, bf16 or f32
  bool f32_kv = false;           // else the type of the activations
  // Chains of small ops as one kernel each. On MLX's CPU device that calls a C++ compiler at run
  // time and writes to the folder for temporary files, so only tests ask for both.
  bool fuse = false;
};

// Ops may come from any thread, one at a time. kUnavailable: MLX cannot use the device.
Result<std::shared_ptr<Engine>> make_mlx_engine(const MlxOptions& options);

// MLX has a Metal or CUDA device here.
bool mlx_has_gpu();

}  // namespace oc
