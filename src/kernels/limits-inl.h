// What a core can do at most, for measuring others against it: the same instructions as the matrix
// products, with nothing to load.
#if defined(OC_KERNELS_LIMITS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OC_KERNELS_LIMITS_INL_H_
#undef OC_KERNELS_LIMITS_INL_H_
#else
#define OC_KERNELS_LIMITS_INL_H_
#endif

#include "kernels/matmul_int8-inl.h"

HWY_BEFORE_NAMESPACE();
namespace oc::kernels::HWY_NAMESPACE {

// Independent sums: more than latency times instructions a cycle.
inline constexpr int kChains = 12;
inline constexpr int kRepeats = 16;  // of all chains in a round

// The optimiser takes v for another value each time, and equal products for different ones.
template <class V>
HWY_INLINE void renew(V& v) {
#if HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128
  asm volatile("" : "+x"(v.raw));
#elif HWY_TARGET == OC_NEON
  asm volatile("" : "+w"(v.raw));
#else
  asm volatile("" : "+m"(v));
#endif
}

#if OC_HAS_AMX
// See Table::peak_int8: four sums, as many as are under way.
double peak_int8(std::int64_t rounds) {
  const AmxTiles tiles(kMaxUnit);
  constexpr int kProducts = kRepeats * 4;
  for (std::int64_t round = 0; round < rounds; ++round) {
    OC_UNROLL(16)
    for (int repeat = 0; repeat < kRepeats; ++repeat)
      asm volatile(
          "tdpbsud %tmm4, %tmm2, %tmm0\n\ttdpbsud %tmm4, %tmm2, %tmm1\n\t"
          "tdpbsud %tmm4, %tmm2, %tmm6\n\ttdpbsud %tmm4, %tmm2, %tmm7");
  }
  return static_cast<double>(rounds) * kProducts * 2 * kAmxPanel * kLanes * kMaxUnit;
}
#else
// See Table::peak_int8. 16-bit pair sums would overflow, which costs no time and is not looked at.
double peak_int8(std::int64_t rounds) {
  Sums sums[kChains];
  OC_UNROLL(12)
  for (int i = 0; i < kChains; ++i) sums[i] = no_sums();
  const VU w = hn::Set(DU(), 0x01020304);
  VI x = hn::Set(DI(), 0x04030201);
  for (std::int64_t round = 0; round < rounds; ++round) {
    // g++ 12 stores all sums at the end of a round: many products between.
    OC_UNROLL(16)
    for (int repeat = 0; repeat < kRepeats; ++repeat) {
      OC_UNROLL(12)
      for (int i = 0; i < kChains; ++i) {
        renew(x);
        sums[i] = dot_step(sums[i], w, x);
      }
    }
  }
  VI total = hn::Zero(DI());
  for (int i = 0; i < kChains; ++i) total = hn::Add(total, widen(sums[i]));
  asm volatile("" : "+m"(total));
  return static_cast<double>(rounds) * kRepeats * kChains * static_cast<double>(kLanes) * 8;
}
#endif

double peak_f32(std::int64_t rounds) {
  const DF d;
  VF sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = hn::Zero(d);
  const VF w = hn::Set(d, 1.0f);
  VF x = hn::Set(d, 1e-6f);
  for (std::int64_t round = 0; round < rounds; ++round) {
    OC_UNROLL(16)
    for (int repeat = 0; repeat < kRepeats; ++repeat) {
      OC_UNROLL(12)
      for (int i = 0; i < kChains; ++i) {
        renew(x);
        sums[i] = hn::MulAdd(w, x, sums[i]);
      }
    }
  }
  VF total = hn::Zero(d);
  for (int i = 0; i < kChains; ++i) total = hn::Add(total, sums[i]);
  asm volatile("" : "+m"(total));
  return static_cast<double>(rounds) * kRepeats * kChains * static_cast<double>(kLanes) * 2;
}

std::uint32_t read_all(const std::uint8_t* bytes, std::size_t count) {
  const DU d;
  constexpr std::size_t kStep = static_cast<std::size_t>(kLanes) * 4;
  VU sums[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  std::size_t at = 0;
  for (; at + 4 * kStep <= count; at += 4 * kStep)
    for (std::size_t i = 0; i < 4; ++i)
      sums[i] = hn::Add(sums[i], load_any(d, bytes + at + i * kStep));
  return hn::GetLane(
      hn::SumOfLanes(d, hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]))));
}

}  // namespace oc::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
