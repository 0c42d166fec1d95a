// Sums of int8 products in registers, how they are folded with scales and biases, and where they
// go.
#if defined(OC_KERNELS_TILES_INT8_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OC_KERNELS_TILES_INT8_INL_H_
#undef OC_KERNELS_TILES_INT8_INL_H_
#else
#define OC_KERNELS_TILES_INT8_INL_H_
#endif

#include "kernels/dot-inl.h"
#include "kernels/packed_int8-inl.h"
#include "kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace oc::kernels::HWY_NAMESPACE {

template <int kR, int kT, class D>
HWY_INLINE void clear(D d, hn::Vec<D> sums[kR][kT]) {
  OC_UNROLL(8)
  for (int r = 0; r < kR; ++r) {
    OC_UNROLL(8)
    for (int t = 0; t < kT; ++t) sums[r][t] = hn::Zero(d);
  }
}

// totals[r][t] += the exact sums of eight steps for kR row vectors and kT tokens of a panel of kP.
// weights: [step][kR], values: [step][kP] dwords.
template <int kR, int kT, int kP>
HWY_INLINE void add_wide_steps(const VU* weights, const std::int8_t* values, VI totals[kR][kT]) {
  // A dot waits four cycles for the one before it, and two begin in a cycle: few sums are divided.
  constexpr int kFew = HWY_TARGET == HWY_AVX3_DL ? 4 : 2;  // with 32 registers
  constexpr int kChains = kR * kT == 1 ? 4 : kR * kT <= kFew ? 2 : 1;
  Sums sums[kR][kT][kChains];
  OC_UNROLL(8)
  for (int r = 0; r < kR; ++r) {
    OC_UNROLL(8)
    for (int t = 0; t < kT; ++t) {
      OC_UNROLL(4)
      for (int i = 0; i < kChains; ++i) sums[r][t][i] = i == 0 ? totals[r][t] : no_sums();
    }
  }
  OC_UNROLL(8)
  for (int j = 0; j < kSteps; ++j) {
    OC_UNROLL(8)
    for (int t = 0; t < kT; ++t) {
      const std::int8_t* four = values + 4 * (j * kP + t);
      if constexpr (kR == 1) {
        sums[0][t][j % kChains] = dot_step_at(sums[0][t][j % kChains], weights[j], four);
      } else {
        const VI x = broadcast4(four);
        OC_UNROLL(8)
        for (int r = 0; r < kR; ++r)
          sums[r][t][j % kChains] = dot_step(sums[r][t][j % kChains], weights[j * kR + r], x);
      }
    }
  }
  OC_UNROLL(8)
  for (int r = 0; r < kR; ++r) {
    OC_UNROLL(8)
    for (int t = 0; t < kT; ++t) {
      OC_UNROLL(4)
      for (int i = 1; i < kChains; ++i) sums[r][t][0] = hn::Add(sums[r][t][0], sums[r][t][i]);
      totals[r][t] = sums[r][t][0];
    }
  }
}

// The same for one chunk.
template <int kBits, int kR, int kT, int kP>
HWY_INLINE void add_chunk(const VU* weights, const std::int8_t* values, VI totals[kR][kT]) {
  if constexpr (kWideSums) {
    if constexpr (kChunkVectors<kBits> == 2 * kSteps) {
      VI high[kR][kT];
      clear<kR, kT>(DI(), high);
      add_wide_steps<kR, kT, kP>(weights + kSteps * kR, values, high);
      OC_UNROLL(8)
      for (int r = 0; r < kR; ++r) {
        OC_UNROLL(8)
        for (int t = 0; t < kT; ++t)
          totals[r][t] = hn::Add(totals[r][t], hn::ShiftLeft<4>(high[r][t]));
      }
    }
    add_wide_steps<kR, kT, kP>(weights, values, totals);
  } else {
    OC_UNROLL(2)
    for (int part = 0; part < kChunkVectors<kBits> / kSteps; ++part) {
      Sums sums[kR][kT];
      OC_UNROLL(8)
      for (int r = 0; r < kR; ++r) {
        OC_UNROLL(8)
        for (int t = 0; t < kT; ++t) sums[r][t] = no_sums();
      }
      OC_UNROLL(8)
      for (int j = 0; j < kSteps; ++j) {
        OC_UNROLL(8)
        for (int t = 0; t < kT; ++t) {
          const VI x = broadcast4(values + 4 * (j * kP + t));
          OC_UNROLL(8)
          for (int r = 0; r < kR; ++r)
            sums[r][t] = dot_step(sums[r][t], weights[(part * kSteps + j) * kR + r], x);
        }
      }
      OC_UNROLL(8)
      for (int r = 0; r < kR; ++r) {
        OC_UNROLL(8)
        for (int t = 0; t < kT; ++t) {
          const VI wide = widen(sums[r][t]);
          totals[r][t] = hn::Add(totals[r][t], part == 0 ? wide : hn::ShiftLeft<4>(wide));
        }
      }
    }
  }
}

// acc += a unit's sums · (scale · activations' scale). meta: the group's [2][kR][kLanes].
template <int kR, int kT>
HWY_INLINE void fold_unit(const VI totals[kR][kT], const float* meta, const float* scales,
                          VF acc[kR][kT]) {
  const DF d;
  OC_UNROLL(8)
  for (int t = 0; t < kT; ++t) {
    const VF x = hn::Set(d, scales[t]);
    OC_UNROLL(8)
    for (int r = 0; r < kR; ++r)
      acc[r][t] = hn::MulAdd(hn::ConvertTo(d, totals[r][t]),
                             hn::Mul(hn::Load(d, meta + r * kLanes), x), acc[r][t]);
  }
}
// Behind a group's last unit: acc += bias · the activations' sum.
template <int kR, int kT>
HWY_INLINE void fold_bias(const float* meta, const float* sums, VF acc[kR][kT]) {
  const DF d;
  OC_UNROLL(8)
  for (int t = 0; t < kT; ++t) {
    const VF x = hn::Set(d, sums[t]);
    OC_UNROLL(8)
    for (int r = 0; r < kR; ++r)
      acc[r][t] = hn::MulAdd(hn::Load(d, meta + (kR + r) * kLanes), x, acc[r][t]);
  }
}

// A panel of Int8Rows, and the outputs that it gives.
struct Panel {
  const std::int8_t* values;
  const float *scales, *sums;
  std::int64_t first, count;  // tokens
};
HWY_INLINE Panel panel_after(const Panel& x, std::int64_t tokens) {  // the slots after `tokens`
  return {x.values + 4 * tokens, x.scales + tokens, x.sums + tokens, x.first + tokens,
          x.count - tokens};
}
struct Outputs {
  std::int64_t n, end;
  float* y;
  std::int64_t y_stride;
  const Epilogue* epilogue;
};
// The sums go through memory: calls in the epilogue would have all of them saved each time.
template <int kR, int kT>
HWY_INLINE void store_panel(const VF acc[kR][kT], const Panel& x, const Outputs& out) {
  const DF d;
  HWY_ALIGN float sums[kR * kT * kLanes];
  OC_UNROLL(8)
  for (int r = 0; r < kR; ++r) {
    OC_UNROLL(8)
    for (int t = 0; t < kT; ++t) hn::Store(acc[r][t], d, sums + (r * kT + t) * kLanes);
  }
  const std::int64_t count = x.count < kT ? x.count : kT;
  for (std::int64_t t = 0; t < count; ++t)
    for (int r = 0; r < kR; ++r)
      store_outputs(hn::Load(d, sums + (r * kT + t) * kLanes), x.first + t, out.n + r * kLanes,
                    out.end, out.y, out.y_stride, *out.epilogue);
}

// Lines that will be written, before the sums are there.
template <int kR, int kT>
HWY_INLINE void fetch_outputs(const Panel& x, const Outputs& out) {
  for (std::int64_t t = 0; t < (x.count < kT ? x.count : kT); ++t)
    for (int r = 0; r < kR; ++r)
      __builtin_prefetch(out.y + (x.first + t) * out.y_stride + out.n + r * kLanes, 1, 3);
}

// A block of columns: the groups [first, end) of all; in front of it and behind it a tile's sums
// are kept in memory. A block's unpacked weights stay in the first level while all tokens meet
// them.
struct Block {
  std::int64_t first, end, groups;
  bool begins() const { return first == 0; }
  bool ends() const { return end == groups; }
};

// kR row vectors × kT tokens over a block of columns. weights: [K/4 (8 bits split: K/2)][kR]
// vectors, meta: [K/group][2][kR][kLanes], both from the block's first column on. kept:
// [kR][kT][kLanes]. The values from `next` on, as many as the tile reads, are fetched meanwhile.
template <int kBits, int kR, int kT, int kP>
HWY_NOINLINE void int8_tile(const QuantMatrix& w, const Block& block, const VU* weights,
                            const float* meta, const Panel& x, const std::int8_t* next, float* kept,
                            const Outputs& out) {
  const DF d;
  const std::int64_t unit = unit_of(w.group);
  const std::int64_t units_per_group = w.group / unit, chunks_per_unit = unit / kChunk;
  VF acc[kR][kT];
  OC_UNROLL(8)
  for (int r = 0; r < kR; ++r) {
    OC_UNROLL(8)
    for (int t = 0; t < kT; ++t)
      acc[r][t] = block.begins() ? hn::Zero(d) : hn::Load(d, kept + (r * kT + t) * kLanes);
  }
  const std::int8_t* values = x.values + block.first * w.group * kP;
  const float *scales = x.scales + block.first * units_per_group * kP,
              *sums = x.sums + block.first * kP;
  for (std::int64_t g = block.first; g < block.end; ++g) {
    for (std::int64_t i = 0; i < units_per_group; ++i) {
      VI totals[kR][kT];
      clear<kR, kT>(DI(), totals);
      for (std::int64_t c = 0; c < chunks_per_unit; ++c) {
        OC_UNROLL(8)
        for (int byte = 0; byte < kChunk * kT; byte += 64) __builtin_prefetch(next + byte, 0, 3);
        next += kChunk * kT;
        add_chunk<kBits, kR, kT, kP>(weights, values, totals);
        weights += kChunkVectors<kBits> * kR;
        values += kChunk * kP;
      }
      fold_unit<kR, kT>(totals, meta, scales, acc);
      scales += kP;
    }
    fold_bias<kR, kT>(meta, sums, acc);
    sums += kP;
    meta += 2 * kR * kLanes;
  }
  if (block.ends()) return store_panel<kR, kT>(acc, x, out);
  OC_UNROLL(8)
  for (int r = 0; r < kR; ++r) {
    OC_UNROLL(8)
    for (int t = 0; t < kT; ++t) hn::Store(acc[r][t], d, kept + (r * kT + t) * kLanes);
  }
}

HWY_INLINE void prefetch(const std::uint8_t* at) {
  __builtin_prefetch(at, 0, 2);  // into the second level: the first is too small for a strip
}

// Groups whose scales and biases are unpacked at a time: two bytes each, a transposition.
inline constexpr std::int64_t kMetaGroups = 8;
// Strips ahead of which memory is fetched (docs/kernels.md: two beat one by 2 % of the bandwidth).
inline constexpr std::int64_t kStripsAhead = 2;

}  // namespace oc::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
