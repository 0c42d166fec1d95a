// Four or eight tokens × 4-bit weights in groups of 64, a cache line of each row at a time:
// int8_few with everything constant, so that sums and addresses stay in registers, and steady:
// while the dots of a line are under way, the next one's rows are taken apart, a quarter of them at
// each chunk. So there are always shuffles beside the dots in reach of the core. The same sums in
// the same order.
#if defined(OC_KERNELS_LINES_INT8_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OC_KERNELS_LINES_INT8_INL_H_
#undef OC_KERNELS_LINES_INT8_INL_H_
#else
#define OC_KERNELS_LINES_INT8_INL_H_
#endif

#include "kernels/tiles_int8-inl.h"

#undef OC_HAS_INT8_LINES
#if HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_AVX2
#define OC_HAS_INT8_LINES 1
#else
#define OC_HAS_INT8_LINES 0
#endif

#if OC_HAS_INT8_LINES
HWY_BEFORE_NAMESPACE();
namespace oc::kernels::HWY_NAMESPACE {

HWY_INLINE bool int8_lines_fit(const QuantMatrix& w) { return w.group == 64 && w.cols >= 128; }

// 64 bytes, 128 columns, of each row of a strip; a quarter of the rows is taken apart at a time.
inline constexpr int kLineVectors = 16;
#if HWY_TARGET == HWY_AVX3_DL
// Rows i, 4 + i, 8 + i, 12 + i: to[4 · block + i] holds the same 16 bytes of each of them.
HWY_INLINE void take_apart(const std::uint8_t* from, std::int64_t stride, int i, VU* to) {
  const DU d;
  VU row[4];
  OC_UNROLL(4)
  for (int k = 0; k < 4; ++k) row[k] = load_any(d, from + (4 * k + i) * stride);
  const __m512i lower01 = _mm512_shuffle_i32x4(row[0].raw, row[1].raw, 0x44);
  const __m512i upper01 = _mm512_shuffle_i32x4(row[0].raw, row[1].raw, 0xee);
  const __m512i lower23 = _mm512_shuffle_i32x4(row[2].raw, row[3].raw, 0x44);
  const __m512i upper23 = _mm512_shuffle_i32x4(row[2].raw, row[3].raw, 0xee);
  to[i] = VU{_mm512_shuffle_i32x4(lower01, lower23, 0x88)};
  to[4 + i] = VU{_mm512_shuffle_i32x4(lower01, lower23, 0xdd)};
  to[8 + i] = VU{_mm512_shuffle_i32x4(upper01, upper23, 0x88)};
  to[12 + i] = VU{_mm512_shuffle_i32x4(upper01, upper23, 0xdd)};
}

// Chunk c of a line that was taken apart → 4 vectors of packed dwords, rows in lanes.
HWY_INLINE void turn_chunk(const VU* line, int c, VU packed[4]) {
  const DU d;
  const DU64 d64;
  const VU* v = line + 4 * c;
  const auto a = hn::BitCast(d64, hn::InterleaveLower(d, v[0], v[1]));
  const auto b = hn::BitCast(d64, hn::InterleaveLower(d, v[2], v[3]));
  const auto e = hn::BitCast(d64, hn::InterleaveUpper(d, v[0], v[1]));
  const auto f = hn::BitCast(d64, hn::InterleaveUpper(d, v[2], v[3]));
  packed[0] = hn::BitCast(d, hn::InterleaveLower(d64, a, b));
  packed[1] = hn::BitCast(d, hn::InterleaveUpper(d64, a, b));
  packed[2] = hn::BitCast(d, hn::InterleaveLower(d64, e, f));
  packed[3] = hn::BitCast(d, hn::InterleaveUpper(d64, e, f));
}
#else
// Rows 2i and 2i + 1 are copied behind each other: rows that are 4096 bytes apart would meet in one
// set of the first-level cache and be fetched again for each of a line's chunks.
HWY_INLINE void take_apart(const std::uint8_t* from, std::int64_t stride, int i, VU* to) {
  OC_UNROLL(4)
  for (int k = 0; k < 4; ++k)
    to[4 * i + k] = load_any(DU(), from + (2 * i + k / 2) * stride + k % 2 * 32);
}

// Chunk c of such a line → 4 vectors of packed dwords, rows in lanes.
HWY_INLINE void turn_chunk(const VU* line, int c, VU packed[4]) {
  transpose4(reinterpret_cast<const std::uint8_t*>(line) + 16 * c, 64, packed);
}
#endif

// One strip and one panel of kT tokens. Where columns are no multiple of 128 the last line begins
// early, and its first group has been met before.
template <int kT>
HWY_NOINLINE void int8_lines(const QuantMatrix& w, const Strip& strip, const Panel& x,
                             const Outputs& out) {
  constexpr std::int64_t kGroupsOfLine = 2, kMetaLines = kMetaGroups / kGroupsOfLine;
  const std::int64_t groups = w.cols / 64, size = size_of_storage(w.meta);
  const std::int64_t lines = (groups + 1) / kGroupsOfLine;
  const std::uint8_t* from = strip.weight;
  const std::uint8_t* ahead = strip.weight + kStripsAhead * kLanes * strip.weight_stride;
  const std::int64_t next_meta = kStripsAhead * kLanes * strip.meta_stride;
  const VU low = hn::Set(DU(), 0x0f0f0f0f);
  HWY_ALIGN float meta[kMetaGroups * 2 * kLanes];
  VU apart[2][kLineVectors];
  VF acc[1][kT];
  clear<1, kT>(DF(), acc);
  const std::int8_t* values = x.values;
  const float *scales = x.scales, *sums = x.sums;
  OC_UNROLL(4)
  for (int i = 0; i < 4; ++i) take_apart(from, strip.weight_stride, i, apart[0]);
  for (std::int64_t line = 0; line < lines; ++line) {
    if (line % kMetaLines == 0) {
      const std::int64_t g = line * kGroupsOfLine;
      const std::int64_t count = groups - g < kMetaGroups ? groups - g : kMetaGroups;
      for (std::int64_t at = g * kLanes * size; at < (g + count) * kLanes * size; at += 64) {
        prefetch(strip.scales + next_meta + at);
        prefetch(strip.biases + next_meta + at);
      }
      unpack_meta(strip.scales, strip.meta_stride, g, count, w.meta, meta, 2 * kLanes);
      unpack_meta(strip.biases, strip.meta_stride, g, count, w.meta, meta + kLanes, 2 * kLanes);
    }
    const VU* now = apart[line % 2];
    VU* next = apart[1 - line % 2];
    // The last line is taken apart once more, for nothing.
    if (line + 1 < lines) from += line + 2 < lines || groups % kGroupsOfLine == 0 ? 64 : 32;
    const bool cut = line + 1 == lines && groups % kGroupsOfLine != 0;
    const float* group_meta = meta + line % kMetaLines * kGroupsOfLine * 2 * kLanes;
    OC_UNROLL(2)
    for (int g = 0; g < 2; ++g) {
      if (g == 0 && cut) continue;
      VI totals[1][kT];
      clear<1, kT>(DI(), totals);
      OC_UNROLL(2)
      for (int c = 2 * g; c < 2 * g + 2; ++c) {
        OC_UNROLL(4)
        for (int byte = 0; byte < 16 * kLanes; byte += 64) prefetch(ahead + byte);
        ahead += 16 * kLanes;
        take_apart(from, strip.weight_stride, c, next);
        VU packed[4], weights[8];
        turn_chunk(now, c, packed);
        OC_UNROLL(4)
        for (int j = 0; j < 4; ++j) {
          weights[2 * j] = hn::And(packed[j], low);
          weights[2 * j + 1] = hn::And(hn::ShiftRight<4>(packed[j]), low);
        }
        add_chunk<4, 1, kT, kT>(weights, values, totals);
        values += kChunk * kT;
      }
      fold_unit<1, kT>(totals, group_meta, scales, acc);
      fold_bias<1, kT>(group_meta, sums, acc);
      scales += kT;
      sums += kT;
      group_meta += 2 * kLanes;
    }
  }
  store_panel<1, kT>(acc, x, out);
}

}  // namespace oc::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif

#endif  // include guard per target
