// Dot products of four bytes or two 16-bit numbers, lane by lane: what each target has for them.
#if defined(OC_KERNELS_DOT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OC_KERNELS_DOT_INL_H_
#undef OC_KERNELS_DOT_INL_H_
#else
#define OC_KERNELS_DOT_INL_H_
#endif

#include "kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace oc::kernels::HWY_NAMESPACE {

// sums = dot_step(sums, w, x) adds Σ_i w[i] · x[i] over the four bytes of each lane, w unsigned and
// x signed, |x| <= 127; widen(sums) are the 32-bit sums. Forms:
//  VNNI: one instruction, 32-bit sums, bytes of any size.
//  AVX-VNNI: the same in 256 bits (OC_AVX_VNNI).
//  Arm with the dot product (Armv8.2; OC_NEON_DOT): likewise, but signed × signed, so w < 128.
//  x86 and Arm without: 16-bit sums, good for eight steps of w < 16, widened once a chunk.
//  Elsewhere: plain arithmetic, 32-bit sums, bytes of any size.
// kWideSums: sums are 32-bit. kSplitBytes: bytes of 8-bit weights come as two halves < 16.
#if HWY_TARGET == HWY_AVX3_DL || (HWY_TARGET == HWY_AVX2 && defined(OC_AVX_VNNI))
inline constexpr bool kWideSums = true, kSplitBytes = false;
using Sums = VI;
HWY_INLINE Sums no_sums() { return hn::Zero(DI()); }
HWY_INLINE Sums dot_step(Sums sums, VU w, VI x) {
  // Highway 1.0.3 has no such op and does not enable the intrinsic. {vex}: the encoding of
  // AVX-VNNI.
#if HWY_TARGET == HWY_AVX3_DL
  asm("vpdpbusd %2, %1, %0" : "+v"(sums.raw) : "v"(w.raw), "v"(x.raw));
#else
  asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sums.raw) : "x"(w.raw), "x"(x.raw));
#endif
  return sums;
}
HWY_INLINE VI widen(Sums sums) { return sums; }
#elif HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128
inline constexpr bool kWideSums = false, kSplitBytes = true;
using Sums = hn::Vec<DI16>;
HWY_INLINE Sums no_sums() { return hn::Zero(DI16()); }
HWY_INLINE Sums dot_step(Sums sums, VU w, VI x) {
#if HWY_MAX_BYTES == 64
  const Sums pairs{_mm512_maddubs_epi16(w.raw, x.raw)};
#elif HWY_MAX_BYTES == 32
  const Sums pairs{_mm256_maddubs_epi16(w.raw, x.raw)};
#else
  const Sums pairs{_mm_maddubs_epi16(w.raw, x.raw)};
#endif
  sums = hn::Add(sums, pairs);
  // Added one after the other, as it stands: clang would add pairs of products first, which are
  // more than there are registers.
  asm("" : "+v"(sums.raw));
  return sums;
}
HWY_INLINE VI widen(Sums sums) {
  const Sums ones = hn::Set(DI16(), 1);
#if HWY_MAX_BYTES == 64
  return VI{_mm512_madd_epi16(sums.raw, ones.raw)};
#elif HWY_MAX_BYTES == 32
  return VI{_mm256_madd_epi16(sums.raw, ones.raw)};
#else
  return VI{_mm_madd_epi16(sums.raw, ones.raw)};
#endif
}
#elif HWY_TARGET == OC_NEON && HWY_ARCH_ARM_A64 && defined(OC_NEON_DOT)
inline constexpr bool kWideSums = true, kSplitBytes = true;
using Sums = VI;
HWY_INLINE Sums no_sums() { return hn::Zero(DI()); }
HWY_INLINE Sums dot_step(Sums sums, VU w, VI x) {
  // An older arm_neon.h hides the intrinsic where the whole file may not use it.
  asm("sdot %0.4s, %1.16b, %2.16b" : "+w"(sums.raw) : "w"(w.raw), "w"(x.raw));
  return sums;
}
HWY_INLINE VI widen(Sums sums) { return sums; }
#elif HWY_TARGET == OC_NEON && HWY_ARCH_ARM_A64
inline constexpr bool kWideSums = false, kSplitBytes = true;
struct Sums {  // of the bytes of lanes 0 and 1, of lanes 2 and 3
  int16x8_t lower, upper;
};
HWY_INLINE Sums no_sums() { return {vdupq_n_s16(0), vdupq_n_s16(0)}; }
HWY_INLINE Sums dot_step(Sums sums, VU w, VI x) {
  const int8x16_t a = vreinterpretq_s8_u32(w.raw), b = vreinterpretq_s8_s32(x.raw);
  return {vmlal_s8(sums.lower, vget_low_s8(a), vget_low_s8(b)), vmlal_high_s8(sums.upper, a, b)};
}
HWY_INLINE VI widen(Sums sums) {
  return VI{vpaddq_s32(vpaddlq_s16(sums.lower), vpaddlq_s16(sums.upper))};
}
#else
inline constexpr bool kWideSums = true, kSplitBytes = false;
using Sums = VI;
HWY_INLINE Sums no_sums() { return hn::Zero(DI()); }
HWY_INLINE Sums dot_step(Sums sums, VU w, VI x) {
  const DI d;
  const VU mask = hn::Set(DU(), 0xff);
  const VI w0 = hn::BitCast(d, hn::And(w, mask));
  const VI w1 = hn::BitCast(d, hn::And(hn::ShiftRight<8>(w), mask));
  const VI w2 = hn::BitCast(d, hn::And(hn::ShiftRight<16>(w), mask));
  const VI w3 = hn::BitCast(d, hn::ShiftRight<24>(w));
  sums = hn::Add(sums, hn::Mul(w0, hn::ShiftRight<24>(hn::ShiftLeft<24>(x))));
  sums = hn::Add(sums, hn::Mul(w1, hn::ShiftRight<24>(hn::ShiftLeft<16>(x))));
  sums = hn::Add(sums, hn::Mul(w2, hn::ShiftRight<24>(hn::ShiftLeft<8>(x))));
  return hn::Add(sums, hn::Mul(w3, hn::ShiftRight<24>(x)));
}
HWY_INLINE VI widen(Sums sums) { return sums; }
#endif

HWY_INLINE VI broadcast4(const std::int8_t* bytes) {
  std::int32_t value;
  std::memcpy(&value, bytes, 4);
  return hn::Set(DI(), value);
}

// dot_step with the same four bytes in each lane, which are met once.
HWY_INLINE Sums dot_step_at(Sums sums, VU w, const std::int8_t* bytes) {
#if HWY_TARGET == HWY_AVX3_DL
  // Loaded and broadcast by the dot itself: one instruction less.
  using Four = const std::int8_t(*)[4];
  asm("vpdpbusd %2%{1to16%}, %1, %0"
      : "+v"(sums.raw)
      : "v"(w.raw), "m"(*reinterpret_cast<Four>(bytes)));
  return sums;
#else
  return dot_step(sums, w, broadcast4(bytes));
#endif
}

// acc + w0 · x0 + w1 · x1 over the two signed 16-bit halves of each lane, in 32 bits.
HWY_INLINE VI dot_pairs(VI acc, VI w, VI x) {
#if HWY_TARGET == HWY_AVX3_DL
  asm("vpdpwssd %2, %1, %0" : "+v"(acc.raw) : "v"(w.raw), "v"(x.raw));
  return acc;
#elif HWY_TARGET == HWY_AVX2 && defined(OC_AVX_VNNI)
  asm("%{vex%} vpdpwssd %2, %1, %0" : "+x"(acc.raw) : "x"(w.raw), "x"(x.raw));
  return acc;
#elif HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128
#if HWY_MAX_BYTES == 64
  return hn::Add(acc, VI{_mm512_madd_epi16(w.raw, x.raw)});
#elif HWY_MAX_BYTES == 32
  return hn::Add(acc, VI{_mm256_madd_epi16(w.raw, x.raw)});
#else
  return hn::Add(acc, VI{_mm_madd_epi16(w.raw, x.raw)});
#endif
#elif HWY_TARGET == OC_NEON && HWY_ARCH_ARM_A64
  const int16x8_t a = vreinterpretq_s16_s32(w.raw), b = vreinterpretq_s16_s32(x.raw);
  const int32x4_t lower = vmull_s16(vget_low_s16(a), vget_low_s16(b));
  return hn::Add(acc, VI{vpaddq_s32(lower, vmull_high_s16(a, b))});
#else
  const auto lower = [](VI v) HWY_ATTR { return hn::ShiftRight<16>(hn::ShiftLeft<16>(v)); };
  acc = hn::Add(acc, hn::Mul(lower(w), lower(x)));
  return hn::Add(acc, hn::Mul(hn::ShiftRight<16>(w), hn::ShiftRight<16>(x)));
#endif
}

}  // namespace oc::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
