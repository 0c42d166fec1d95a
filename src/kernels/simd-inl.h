// Names and small pieces that all kernels of a target share.
#if defined(OC_KERNELS_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OC_KERNELS_SIMD_INL_H_
#undef OC_KERNELS_SIMD_INL_H_
#else
#define OC_KERNELS_SIMD_INL_H_
#endif

#include <hwy/highway.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

#include <hwy/contrib/math/math-inl.h>
#include "base/dtype.h"
#include "kernels/kernels.h"

// clang leaves arrays of registers in memory where it was not told to unroll; g++ unrolls constant
// loops by itself, and takes four times as long when told to.
// Sanitizers check each access: unrolled, that takes minutes to compile.
#undef OC_UNROLL
#if defined(__clang__) && !defined(OC_SANITIZED)
#define OC_UNROLL(factor) HWY_UNROLL(factor)
#else
#define OC_UNROLL(factor)
#endif

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

// A vector of what lies at any address. As bytes: a pointer to anything larger has to be a multiple
// of its size.
template <class D>
HWY_INLINE hn::Vec<D> load_any(D d, const void* at) {
  const hn::Repartition<std::uint8_t, D> bytes;
  return hn::BitCast(d, hn::LoadU(bytes, static_cast<const std::uint8_t*>(at)));
}

// Outputs of a vector. A constant on every target that is compiled here.
inline constexpr std::int64_t kLanes = HWY_MAX_BYTES / 4;

// Four dwords of each of kLanes rows, `stride` bytes apart, as four vectors whose lane r is dword
// 0..3 of row r.
HWY_INLINE void transpose4(const std::uint8_t* rows, std::int64_t stride, VU out[4]) {
  const hn::Full128<std::uint32_t> d128;
  const DU d;
  const DU64 d64;
  VU v[4];
  // Hidden from the optimiser, which would carry kLanes pointers through the loops around: more
  // than there are registers.
  asm("" : "+r"(stride), "+r"(rows));
  const std::uint8_t* four[kLanes / 4];
  for (std::int64_t block = 0; block < kLanes / 4; ++block) four[block] = rows + 4 * block * stride;
  OC_UNROLL(4)
  for (int i = 0; i < 4; ++i) {
    const auto quarter = [&](int block)
                             HWY_ATTR { return load_any(d128, four[block] + i * stride); };
#if HWY_MAX_BYTES == 64
    const hn::Half<DU> half;
    v[i] = hn::Combine(d, hn::Combine(half, quarter(3), quarter(2)),
                       hn::Combine(half, quarter(1), quarter(0)));
#elif HWY_MAX_BYTES == 32
    v[i] = hn::Combine(d, quarter(1), quarter(0));
#else
    v[i] = quarter(0);
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

// kLanes dwords of each of kLanes rows, `stride` bytes apart: out[i] lane r is dword i of row r. A
// whole cache line a row on the widest target: rows whose stride is a multiple of 4096 share a set
// of the first-level cache, and a second visit would miss.
HWY_INLINE void transpose_line(const std::uint8_t* rows, std::int64_t stride, VU out[kLanes]) {
#if HWY_MAX_BYTES == 16
  transpose4(rows, stride, out);
#else
  const DU d;
  const DU64 d64;
  constexpr int kBlocks = kLanes / 4;
  VU quads[kBlocks][4];                // [rows 4i .. 4i+3][dword j of each block]
  asm("" : "+r"(stride), "+r"(rows));  // as above
  OC_UNROLL(4)
  for (int i = 0; i < kBlocks; ++i) {
    VU v[4];
    OC_UNROLL(4)
    for (int k = 0; k < 4; ++k) v[k] = load_any(d, rows + (4 * i + k) * stride);
    const auto a = hn::BitCast(d64, hn::InterleaveLower(d, v[0], v[1]));
    const auto b = hn::BitCast(d64, hn::InterleaveLower(d, v[2], v[3]));
    const auto e = hn::BitCast(d64, hn::InterleaveUpper(d, v[0], v[1]));
    const auto f = hn::BitCast(d64, hn::InterleaveUpper(d, v[2], v[3]));
    quads[i][0] = hn::BitCast(d, hn::InterleaveLower(d64, a, b));
    quads[i][1] = hn::BitCast(d, hn::InterleaveUpper(d64, a, b));
    quads[i][2] = hn::BitCast(d, hn::InterleaveLower(d64, e, f));
    quads[i][3] = hn::BitCast(d, hn::InterleaveUpper(d64, e, f));
  }
  OC_UNROLL(4)
  for (int j = 0; j < 4; ++j) {
#if HWY_MAX_BYTES == 64
    const __m512i lower01 = _mm512_shuffle_i32x4(quads[0][j].raw, quads[1][j].raw, 0x44);
    const __m512i upper01 = _mm512_shuffle_i32x4(quads[0][j].raw, quads[1][j].raw, 0xee);
    const __m512i lower23 = _mm512_shuffle_i32x4(quads[2][j].raw, quads[3][j].raw, 0x44);
    const __m512i upper23 = _mm512_shuffle_i32x4(quads[2][j].raw, quads[3][j].raw, 0xee);
    out[j] = VU{_mm512_shuffle_i32x4(lower01, lower23, 0x88)};
    out[4 + j] = VU{_mm512_shuffle_i32x4(lower01, lower23, 0xdd)};
    out[8 + j] = VU{_mm512_shuffle_i32x4(upper01, upper23, 0x88)};
    out[12 + j] = VU{_mm512_shuffle_i32x4(upper01, upper23, 0xdd)};
#else
    out[j] = hn::ConcatLowerLower(d, quads[1][j], quads[0][j]);
    out[4 + j] = hn::ConcatUpperUpper(d, quads[1][j], quads[0][j]);
#endif
  }
#endif
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
  if (type == Storage::kF32) return load_any(d, at);
  const hn::Rebind<std::uint16_t, DF> d16;
  const auto bits = load_any(d16, at);
  if (type == Storage::kBF16) return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(DU(), bits)));
  const hn::Rebind<hwy::float16_t, DF> df16;
  return hn::PromoteTo(d, hn::BitCast(df16, bits));
}
inline std::int64_t size_of_storage(Storage type) { return type == Storage::kF32 ? 4 : 2; }

// 16-bit floats in the lower (or upper) halves of dwords as float32.
template <bool kUpper>
HWY_INLINE VF float_of_half(VU pairs, Storage type) {
  const DF d;
  const DU du;
  const DI di;
  if (type == Storage::kBF16)
    return hn::BitCast(
        d, kUpper ? hn::And(pairs, hn::Set(du, 0xffff0000u)) : hn::ShiftLeft<16>(pairs));
  // Highway narrows with saturation: the half's sign must be the dword's.
  const VI signed_half =
      hn::ShiftRight<16>(hn::BitCast(di, kUpper ? pairs : hn::ShiftLeft<16>(pairs)));
  const hn::Rebind<std::int16_t, DF> di16;
  const hn::Rebind<hwy::float16_t, DF> df16;
  return hn::PromoteTo(d, hn::BitCast(df16, hn::DemoteTo(di16, signed_half)));
}

// Eight 16-bit floats that follow each other in each of kLanes rows, `stride` bytes apart: out[j]
// lane r is float j of row r.
HWY_INLINE void transpose_halves(const std::uint8_t* rows, std::int64_t stride, Storage type,
                                 VF out[8]) {
#if HWY_TARGET == HWY_AVX2
  if (type == Storage::kF16) {  // turned as halves: a conversion takes those of eight rows at once
    const hn::Full128<std::uint8_t> d128;
    __m256i v[4];
    OC_UNROLL(4)
    for (int i = 0; i < 4; ++i)
      v[i] = _mm256_inserti128_si256(_mm256_castsi128_si256(hn::LoadU(d128, rows + i * stride).raw),
                                     hn::LoadU(d128, rows + (i + 4) * stride).raw, 1);
    OC_UNROLL(2)
    for (int half = 0; half < 2; ++half) {
      const __m256i a =
          half == 0 ? _mm256_unpacklo_epi16(v[0], v[1]) : _mm256_unpackhi_epi16(v[0], v[1]);
      const __m256i b =
          half == 0 ? _mm256_unpacklo_epi16(v[2], v[3]) : _mm256_unpackhi_epi16(v[2], v[3]);
      OC_UNROLL(2)
      for (int pair = 0; pair < 2; ++pair) {  // [two floats][rows 0..3 | rows 4..7]
        const __m256i both = _mm256_permute4x64_epi64(
            pair == 0 ? _mm256_unpacklo_epi32(a, b) : _mm256_unpackhi_epi32(a, b), 0xd8);
        VF* to = out + 4 * half + 2 * pair;
        to[0] = VF{_mm256_cvtph_ps(_mm256_castsi256_si128(both))};
        to[1] = VF{_mm256_cvtph_ps(_mm256_extracti128_si256(both, 1))};
      }
    }
    return;
  }
#endif
  VU pairs[4];
  transpose4(rows, stride, pairs);
  OC_UNROLL(4)
  for (int j = 0; j < 4; ++j) {
    out[2 * j] = float_of_half<false>(pairs[j], type);
    out[2 * j + 1] = float_of_half<true>(pairs[j], type);
  }
}

// x · sigmoid(−z)
HWY_INLINE VF times_sigmoid(VF x, VF z) {
  const DF d;
  // Past 104, where e^z is infinite already, Highway's form would wrap around to 0.
  const VF e = hn::Exp(d, hn::Min(z, hn::Set(d, 104.0f)));
  return hn::Div(x, hn::Add(hn::Set(d, 1.0f), e));
}

// x · sigmoid(scale · x)
HWY_INLINE VF sigmoid_product(VF x, float scale) {
  return times_sigmoid(x, hn::Mul(x, hn::Set(DF(), -scale)));
}

// x · (1 + tanh(u)) / 2 is x · sigmoid(2u). Of an x whose cube is infinite, x or 0.
HWY_INLINE VF gelu_tanh(VF x) {
  const DF d;
  const VF cube = hn::Mul(hn::Mul(x, x), x);
  const VF sum = hn::Add(x, hn::Mul(cube, hn::Set(d, 0.044715f)));
  return times_sigmoid(x, hn::Mul(sum, hn::Set(d, -1.5957691216f)));  // −2 √(2/π)
}

// Out of line: tiles store many vectors.
HWY_NOINLINE VF apply_function(VF x, Function function) {
  const DF d;
  if (function == Function::kQuickGelu) return sigmoid_product(x, 1.702f);
  if (function == Function::kSilu) return sigmoid_product(x, 1.0f);
  if (function == Function::kGeluTanh) return gelu_tanh(x);
  // kGelu, only the projector's: the C library's erf is exact enough
  HWY_ALIGN float lane[kLanes];
  hn::Store(x, d, lane);
  for (float& value : lane) value = 0.5f * value * (1.0f + std::erf(value * 0.70710678118654752f));
  return hn::Load(d, lane);
}

// The outputs [n, n + kLanes) ∩ [.., end) of token t, of which `count` are there.
HWY_NOINLINE void store_few_outputs(VF sum, std::int64_t t, std::int64_t n, std::int64_t count,
                                    float* y, std::int64_t y_stride, const Epilogue& epilogue) {
  const DF d;
  const auto bytes = static_cast<std::size_t>(count) * sizeof(float);
  HWY_ALIGN float lane[kLanes] = {};
  if (epilogue.bias != nullptr) {
    std::memcpy(lane, epilogue.bias + n, bytes);
    sum = hn::Add(sum, hn::Load(d, lane));
  }
  if (epilogue.function != Function::kNone) sum = apply_function(sum, epilogue.function);
  if (epilogue.add != nullptr) {
    std::memcpy(lane, epilogue.add + t * epilogue.add_stride + n, bytes);
    sum = hn::Add(sum, hn::Load(d, lane));
  }
  hn::Store(sum, d, lane);
  std::memcpy(y + t * y_stride + n, lane, bytes);
}

HWY_INLINE void store_outputs(VF sum, std::int64_t t, std::int64_t n, std::int64_t end, float* y,
                              std::int64_t y_stride, const Epilogue& epilogue) {
  const DF d;
  if (n + kLanes > end) {
    if (n < end) store_few_outputs(sum, t, n, end - n, y, y_stride, epilogue);
    return;
  }
  if (epilogue.bias != nullptr) sum = hn::Add(sum, hn::LoadU(d, epilogue.bias + n));
  if (epilogue.function != Function::kNone) sum = apply_function(sum, epilogue.function);
  if (epilogue.add != nullptr)
    sum = hn::Add(sum, hn::LoadU(d, epilogue.add + t * epilogue.add_stride + n));
  hn::StoreU(sum, d, y + t * y_stride + n);
}

}  // namespace oc::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
