// MLX's affine quantisation, bit for bit: mlx/backend/cpu/quantized.cpp, quantize(). All arithmetic
// is float32 whatever the element type; scales and biases are rounded to it at the very end, so the
// codes belong to the unrounded ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/dtype.h"
#include "io/checkpoint.h"

namespace oc {

// How far stored values are from the input: sums over elements, so that parts add up.
struct Deviation {
  double error = 0;             // sum of (stored - input)²
  double signal = 0;            // sum of input²
  bool input_finite = true;     // false: the input holds NaN or infinity
  bool in_range = true;         // false: a value became infinite in the stored type
  double relative_rms() const;  // sqrt(error / signal); 0 where nothing was lost
  Deviation& operator+=(const Deviation& other);
};

// The types of weights in full precision.
constexpr bool is_float(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16;
}

// Stores values of one element type in another, quantised or not. Const calls from any thread.
// Where a result's flags say that something is not finite, the output is not to be used.
class AffineQuantizer {
 public:
  // `from`, `to`: F32, F16 or BF16; a value is first rounded to `to`, as MLX's converters do.
  AffineQuantizer(DType from, DType to);

  // Whole groups of spec.group_size elements (32, 64, 128) to codes of spec.bits (4, 8), low bits
  // first, and a scale and a bias of type `to` each. Sizes in bytes must fit: OC_CHECK.
  Deviation quantize(std::span<const std::byte> in, const QuantSpec& spec,
                     std::span<std::byte> packed, std::span<std::byte> scales,
                     std::span<std::byte> biases) const;
  // The same number of elements in `to`, rounded to nearest even.
  Deviation cast(std::span<const std::byte> in, std::span<std::byte> out) const;

 private:
  void widen(const std::byte* in, std::size_t count, float* input, float* rounded) const;
  void store(std::byte* out, std::size_t index, float value) const;
  float stored(float value) const;  // as it reads back

  DType from_, to_;
  std::vector<float> rounded_;  // of every 16-bit pattern of `from`, as `to` holds it
};

}  // namespace oc
