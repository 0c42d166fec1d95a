// Norms, activations, rotation and conversion of single rows.
#if defined(OC_KERNELS_ELEMENTWISE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OC_KERNELS_ELEMENTWISE_INL_H_
#undef OC_KERNELS_ELEMENTWISE_INL_H_
#else
#define OC_KERNELS_ELEMENTWISE_INL_H_
#endif

#include "kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace oc::kernels::HWY_NAMESPACE {

// Σ (x − shift)^power over a row; power 1 or 2. Lanes in parallel, the rest one by one.
template <int kPower>
HWY_INLINE float row_sum(const float* x, std::int64_t cols, float shift) {
  const DF d;
  VF total = hn::Zero(d);
  std::int64_t i = 0;
  for (; i + kLanes <= cols; i += kLanes) {
    const VF v = hn::Sub(hn::LoadU(d, x + i), hn::Set(d, shift));
    total = kPower == 1 ? hn::Add(total, v) : hn::MulAdd(v, v, total);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, total));
  for (; i < cols; ++i) sum += kPower == 1 ? x[i] - shift : (x[i] - shift) * (x[i] - shift);
  return sum;
}

void normalize(const float* x, std::int64_t cols, const float* weight, const float* bias, float eps,
               float* y) {
  const DF d;
  const auto count = static_cast<float>(cols);
  const float mean = bias != nullptr ? row_sum<1>(x, cols, 0.0f) / count : 0.0f;
  const float inverse = 1.0f / std::sqrt(row_sum<2>(x, cols, mean) / count + eps);
  std::int64_t i = 0;
  for (; i + kLanes <= cols; i += kLanes) {
    VF v = hn::Mul(hn::Sub(hn::LoadU(d, x + i), hn::Set(d, mean)), hn::Set(d, inverse));
    v = hn::Mul(v, hn::LoadU(d, weight + i));
    if (bias != nullptr) v = hn::Add(v, hn::LoadU(d, bias + i));
    hn::StoreU(v, d, y + i);
  }
  for (; i < cols; ++i)
    y[i] = (x[i] - mean) * inverse * weight[i] + (bias != nullptr ? bias[i] : 0.0f);
}

void silu_multiply(const float* gate, const float* up, std::int64_t count, float* y) {
  const DF d;
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    hn::StoreU(hn::Mul(sigmoid_product(hn::LoadU(d, gate + i), 1.0f), hn::LoadU(d, up + i)), d,
               y + i);
  for (; i < count; ++i) y[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
}

void rotate(float* head, int head_dim, const float* cos, const float* sin, float scale) {
  const DF d;
  const int half = head_dim / 2;
  float* upper = head + half;
  int i = 0;
  for (; i + kLanes <= half; i += static_cast<int>(kLanes)) {
    const VF c = hn::LoadU(d, cos + i), s = hn::LoadU(d, sin + i), factor = hn::Set(d, scale);
    const VF a = hn::LoadU(d, head + i), b = hn::LoadU(d, upper + i);
    hn::StoreU(hn::Mul(hn::Sub(hn::Mul(a, c), hn::Mul(b, s)), factor), d, head + i);
    hn::StoreU(hn::Mul(hn::Add(hn::Mul(b, c), hn::Mul(a, s)), factor), d, upper + i);
  }
  for (; i < half; ++i) {
    const float a = head[i], b = upper[i];
    head[i] = (a * cos[i] - b * sin[i]) * scale;
    upper[i] = (b * cos[i] + a * sin[i]) * scale;
  }
}

// Where there is no instruction, Highway's form cuts off instead of rounding.
inline constexpr bool kRoundsHalves =
    (HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2) || HWY_TARGET == OC_NEON;

void to_f16(const float* x, std::int64_t count, std::uint16_t* y) {
  std::int64_t i = 0;
  if constexpr (kRoundsHalves) {
    const DF d;
    const hn::Rebind<hwy::float16_t, DF> d16;
    const hn::Rebind<std::uint16_t, DF> du16;
    for (; i + kLanes <= count; i += kLanes)
      hn::StoreU(hn::BitCast(du16, hn::DemoteTo(d16, hn::LoadU(d, x + i))), du16, y + i);
  }
  for (; i < count; ++i) y[i] = f32_to_f16(x[i]);
}

}  // namespace oc::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
