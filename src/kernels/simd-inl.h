// Names and small pieces that all kernels of a target share.
#if defined(OC_KERNELS_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OC_KERNELS_SIMD_INL_H_
#undef OC_KERNELS_SIMD_INL_H_
#else
#define OC_KERNELS_SIMD_INL_H_
#endif

#include <hwy/highway.h>

#include <cmath>
#include <cstdint>
#include <cstring>

#include "base/dtype.h"
#include <hwy/contrib/math/math-inl.h>
#include "kernels/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace oc::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::ScalableTag<float>;
using DI = hn::Repartition<std::int32_t, DF>;
using DU = hn::Repartition<std::uint32_t, DF>;
using DU64 = hn::Repartition<std::uint64_t, DF>;
using DU8 = hn::Repartition<std::uint8_t, DF>;
using DI8 = hn::Repartition<std::int8_t, DF>;
using DI16 = hn::Repartition<std::int16_t, DF>;
using VF = hn::Vec<DF>;
using VI = hn::Vec<DI>;
using VU = hn::Vec<DU>;

// Outputs of a vector. A constant on every target that is compiled here.
inline constexpr std::int64_t kLanes = HWY_MAX_BYTES / 4;

// One 16-byte piece of each of kLanes rows, as four vectors whose lane r is dword 0..3 of row r.
HWY_INLINE void transpose4(const std::uint8_t* const* rows, std::int64_t offset, VU out[4]) {
  const hn::Full128<std::uint32_t> d128;
  const DU d;
  const DU64 d64;
  VU v[4];
  for (int i = 0; i < 4; ++i) {
    const auto piece = [&](int block) HWY_ATTR {
      return hn::LoadU(d128, reinterpret_cast<const std::uint32_t*>(rows[4 * block + i] + offset));
    };
#if HWY_MAX_BYTES == 64
    const hn::Half<DU> half;
    v[i] = hn::Combine(d, hn::Combine(half, piece(3), piece(2)),
                       hn::Combine(half, piece(1), piece(0)));
#elif HWY_MAX_BYTES == 32
    v[i] = hn::Combine(d, piece(1), piece(0));
#else
    v[i] = piece(0);
#endif
  }
  const auto a = hn::BitCast(d64, hn::InterleaveLower(d, v[0], v[1]));
  const auto b = hn::BitCast(d64, hn::InterleaveLower(d, v[2], v[3]));
  const auto e = hn::BitCast(d64, hn::InterleaveUpper(d, v[0], v[1]));
  const auto f = hn::BitCast(d64, hn::InterleaveUpper(d, v[2], v[3]));
  out[0] = hn::BitCast(d, hn::InterleaveLower(d64, a, b));
  out[1] = hn::BitCast(d, hn::InterleaveUpper(d64, a, b));
  out[2] = hn::BitCast(d, hn::InterleaveLower(d64, e, f));
  out[3] = hn::BitCast(d, hn::InterleaveUpper(d64, e, f));
}

HWY_INLINE float load_scalar(const std::uint8_t* at, Storage type) {
  if (type == Storage::kF32) {
    float value;
    std::memcpy(&value, at, 4);
    return value;
  }
  std::uint16_t bits;
  std::memcpy(&bits, at, 2);
  if (type == Storage::kBF16) return bf16_to_f32(bits);
  return f16_to_f32(bits);
}

// kLanes consecutive elements as float32.
HWY_INLINE VF load_float(const std::uint8_t* at, Storage type) {
  const DF d;
  if (type == Storage::kF32) return hn::LoadU(d, reinterpret_cast<const float*>(at));
  const hn::Rebind<std::uint16_t, DF> d16;
  const auto bits = hn::LoadU(d16, reinterpret_cast<const std::uint16_t*>(at));
  if (type == Storage::kBF16) return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(DU(), bits)));
  const hn::Rebind<hwy::float16_t, DF> df16;
  return hn::PromoteTo(d, hn::BitCast(df16, bits));
}
inline std::int64_t size_of_storage(Storage type) { return type == Storage::kF32 ? 4 : 2; }

// x · sigmoid(scale · x)
HWY_INLINE VF sigmoid_product(VF x, float scale) {
  const DF d;
  // Past 104, where e^x is infinite already, Highway's form would wrap around to 0.
  const VF e = hn::Exp(d, hn::Min(hn::Mul(x, hn::Set(d, -scale)), hn::Set(d, 104.0f)));
  return hn::Div(x, hn::Add(hn::Set(d, 1.0f), e));
}

HWY_INLINE VF apply_function(VF x, Function function) {
  const DF d;
  if (function == Function::kQuickGelu) return sigmoid_product(x, 1.702f);
  if (function == Function::kSilu) return sigmoid_product(x, 1.0f);
  if (function == Function::kGelu) {  // only the projector: the C library's erf is exact enough
    HWY_ALIGN float lane[kLanes];
    hn::Store(x, d, lane);
    for (float& value : lane)
      value = 0.5f * value * (1.0f + std::erf(value * 0.70710678118654752f));
    return hn::Load(d, lane);
  }
  return x;
}

// Stores the outputs [n, n + kLanes) ∩ [.., end) of token t.
HWY_INLINE void store_outputs(VF sum, std::int64_t t, std::int64_t n, std::int64_t end, float* y,
                              std::int64_t y_stride, const Epilogue& epilogue) {
  const DF d;
  if (n >= end) return;
  const std::int64_t count = end - n;
  float* to = y + t * y_stride + n;
  if (count >= kLanes) {
    if (epilogue.bias != nullptr) sum = hn::Add(sum, hn::LoadU(d, epilogue.bias + n));
    sum = apply_function(sum, epilogue.function);
    if (epilogue.add != nullptr)
      sum = hn::Add(sum, hn::LoadU(d, epilogue.add + t * epilogue.add_stride + n));
    hn::StoreU(sum, d, to);
    return;
  }
  HWY_ALIGN float lane[kLanes] = {};
  if (epilogue.bias != nullptr) {
    std::memcpy(lane, epilogue.bias + n, static_cast<std::size_t>(count) * 4);
    sum = hn::Add(sum, hn::Load(d, lane));
  }
  sum = apply_function(sum, epilogue.function);
  if (epilogue.add != nullptr) {
    std::memcpy(lane, epilogue.add + t * epilogue.add_stride + n,
                static_cast<std::size_t>(count) * 4);
    sum = hn::Add(sum, hn::Load(d, lane));
  }
  hn::Store(sum, d, lane);
  std::memcpy(to, lane, static_cast<std::size_t>(count) * 4);
}

}  // namespace oc::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
