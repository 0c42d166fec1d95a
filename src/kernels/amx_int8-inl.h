// Many tokens with Intel's matrix instructions (AMX): 16 tokens × 16 outputs × a unit of columns
// are one instruction. Its exact sums go through memory and are folded in the order of all other
// shapes, so results are the bytes of the other targets.
#if defined(OC_KERNELS_AMX_INT8_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OC_KERNELS_AMX_INT8_INL_H_
#undef OC_KERNELS_AMX_INT8_INL_H_
#else
#define OC_KERNELS_AMX_INT8_INL_H_
#endif

#include "kernels/tiles_int8-inl.h"

#if HWY_TARGET == HWY_AVX3_DL && defined(OC_AMX)
#define OC_HAS_AMX 1
#else
#define OC_HAS_AMX 0
#endif

HWY_BEFORE_NAMESPACE();
namespace oc::kernels::HWY_NAMESPACE {

struct NoTiles {
  explicit NoTiles(std::int64_t) {}
};
#if OC_HAS_AMX
// The form of the tile registers while one of these lives: 0 and 1 are sums [16][16], 2 and
// 3 are activations [16 tokens][unit], 4 and 5 are weights [unit / 4][16][4]; 6 and 7 are more
// sums, for the limit's measurement.
class AmxTiles {
 public:
  explicit AmxTiles(std::int64_t unit) {
    alignas(64) std::uint8_t form[64] = {1};  // palette 1; 16-bit row bytes from 16, rows from 48
    const auto set = [&](int tile, std::int64_t rows, std::int64_t bytes) {
      form[16 + 2 * tile] = static_cast<std::uint8_t>(bytes);
      form[48 + tile] = static_cast<std::uint8_t>(rows);
    };
    for (const int tile : {0, 1, 6, 7}) set(tile, kAmxPanel, 64);
    for (const int tile : {2, 3}) set(tile, kAmxPanel, unit);
    for (const int tile : {4, 5}) set(tile, unit / 4, 64);
    asm volatile("ldtilecfg %0" : : "m"(form));
  }
  ~AmxTiles() { asm volatile("tilerelease"); }
  AmxTiles(const AmxTiles&) = delete;
  AmxTiles& operator=(const AmxTiles&) = delete;
};

// Tile kSum = the products of a unit. Strides in bytes.
template <int kSum>
HWY_INLINE void amx_products(const std::int8_t* values, std::int64_t values_stride,
                             const VU* weights, std::int64_t weights_stride) {
  if constexpr (kSum == 0)
    asm volatile(
        "tileloadd (%0,%1,1), %%tmm2\n\ttileloadd (%2,%3,1), %%tmm4\n\t"
        "tilezero %%tmm0\n\ttdpbsud %%tmm4, %%tmm2, %%tmm0"
        :
        : "r"(values), "r"(values_stride), "r"(weights), "r"(weights_stride)
        : "memory");
  else
    asm volatile(
        "tileloadd (%0,%1,1), %%tmm3\n\ttileloadd (%2,%3,1), %%tmm5\n\t"
        "tilezero %%tmm1\n\ttdpbsud %%tmm5, %%tmm3, %%tmm1"
        :
        : "r"(values), "r"(values_stride), "r"(weights), "r"(weights_stride)
        : "memory");
}
template <int kSum>
HWY_INLINE void amx_store(std::int32_t* sums) {
  const std::int64_t stride = 64;
  if constexpr (kSum == 0)
    asm volatile("tilestored %%tmm0, (%0,%1,1)" : : "r"(sums), "r"(stride) : "memory");
  else
    asm volatile("tilestored %%tmm1, (%0,%1,1)" : : "r"(sums), "r"(stride) : "memory");
}

// One vector of outputs of a panel's tokens over a block of columns. A unit takes three turns, so
// that nothing waits: its products (52 cycles), its sums' way to memory, and their folding.
template <int kR, std::int64_t kUnit>
class AmxColumns {
 public:
  static constexpr int kT = kAmxPanel;
  const VU* weights;          // [units][kUnit / 4][kR]
  const std::int8_t* values;  // [units][kT][kUnit]
  std::int64_t units, units_per_group;
  const float *scales, *totals, *meta;
  const std::int8_t* next;
  std::int32_t* sums;       // [2][kT][kLanes]
  std::int64_t folded = 0;  // units of the group

  HWY_INLINE void run(VF acc[1][kT]) {
    products<0>(0);
    products<1>(1);
    amx_store<0>(sums);
    std::int64_t u = 0;
    for (; u + 1 < units; u += 2) {
      turn<0>(u, acc);
      turn<1>(u + 1, acc);
    }
    if (u < units) turn<0>(u, acc);
  }

 private:
  template <int kSum>
  HWY_INLINE void products(std::int64_t u) {
    if (u < units)
      amx_products<kSum>(values + u * kUnit * kT, kUnit, weights + u * kUnit / 4 * kR, kR * 64);
  }
  template <int kSum>
  HWY_INLINE void turn(std::int64_t u, VF acc[1][kT]) {
    const DF d;
    products<kSum>(u + 2);
    amx_store<1 - kSum>(sums + (1 - kSum) * kT * kLanes);
    OC_UNROLL(8)
    for (int byte = 0; byte < kUnit * kT / kR; byte += 64) __builtin_prefetch(next + byte, 0, 3);
    next += kUnit * kT / kR;
    const std::int32_t* from = sums + kSum * kT * kLanes;
    const VF scale = hn::Load(d, meta);
    OC_UNROLL(16)
    for (int t = 0; t < kT; ++t)
      acc[0][t] = hn::MulAdd(hn::ConvertTo(d, hn::Load(DI(), from + t * kLanes)),
                             hn::Mul(scale, hn::Set(d, scales[t])), acc[0][t]);
    scales += kT;
    if (++folded < units_per_group) return;
    folded = 0;
    const VF bias = hn::Load(d, meta + kR * kLanes);
    OC_UNROLL(16)
    for (int t = 0; t < kT; ++t) acc[0][t] = hn::MulAdd(bias, hn::Set(d, totals[t]), acc[0][t]);
    totals += kT;
    meta += 2 * kR * kLanes;
  }
};

// int8_tile for a panel of 16 tokens: kR vectors of outputs, one after the other.
template <int kR, std::int64_t kUnit>
HWY_NOINLINE void amx_tile(const QuantMatrix& w, const Block& block, const VU* weights,
                           const float* meta, const Panel& x, const std::int8_t* next, float* kept,
                           const Outputs& out) {
  constexpr int kT = kAmxPanel;
  const DF d;
  const std::int64_t units_per_group = w.group / kUnit;
  const std::int64_t units = (block.end - block.first) * units_per_group;
  alignas(64) std::int32_t sums[2 * kT * kLanes];
  for (int r = 0; r < kR; ++r) {
    VF acc[1][kT];
    float* const kept_here = kept + r * kT * kLanes;
    OC_UNROLL(16)
    for (int t = 0; t < kT; ++t)
      acc[0][t] = block.begins() ? hn::Zero(d) : hn::Load(d, kept_here + t * kLanes);
    AmxColumns<kR, kUnit>{.weights = weights + r,
                          .values = x.values + block.first * w.group * kT,
                          .units = units,
                          .units_per_group = units_per_group,
                          .scales = x.scales + block.first * units_per_group * kT,
                          .totals = x.sums + block.first * kT,
                          .meta = meta + r * kLanes,
                          .next = next + r * (units * kUnit * kT / kR),
                          .sums = sums}
        .run(acc);
    if (block.ends()) {
      Outputs here = out;
      here.n += r * kLanes;
      store_panel<1, kT>(acc, x, here);
      continue;
    }
    OC_UNROLL(16)
    for (int t = 0; t < kT; ++t) hn::Store(acc[0][t], d, kept_here + t * kLanes);
  }
}
#else
using AmxTiles = NoTiles;
#endif

}  // namespace oc::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
