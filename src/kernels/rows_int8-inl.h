// Packed weights × a few int8 rows, row of W after row of W: memory is read as one stream,
// as its hardware likes best. Integer dots of a row go into a small table; a strip of rows behind,
// they are folded with their scales, output beside output, in the order of all other shapes.
// docs/kernels.md has the arithmetic.
#if defined(OC_KERNELS_ROWS_INT8_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OC_KERNELS_ROWS_INT8_INL_H_
#undef OC_KERNELS_ROWS_INT8_INL_H_
#else
#define OC_KERNELS_ROWS_INT8_INL_H_
#endif

#include "kernels/dot-inl.h"
#include "kernels/lines_int8-inl.h"
#include "kernels/simd-inl.h"
#include "kernels/tiles_int8-inl.h"

#undef OC_HAS_INT8_ROWS
#if HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
#define OC_HAS_INT8_ROWS 1
#else
#define OC_HAS_INT8_ROWS 0
#endif

#if OC_HAS_INT8_ROWS
HWY_BEFORE_NAMESPACE();
namespace oc::kernels::HWY_NAMESPACE {

// Groups of 64 columns that are folded at a time: 16 bytes of a row's scales.
inline constexpr std::int64_t kFoldGroups = 8;
// A line is a vector of packed weights; four of them make one vector of sums.
inline constexpr std::int64_t kLineBytes = kLanes * 4, kLineGroups = kLineBytes / 32;
inline constexpr std::int64_t kFoldBytes = kFoldGroups * 32;  // of packed weights
// How far ahead of the stream weights are fetched into the second level, and from there into the
// first, which waits for too few lines at a time to be fetched into from memory (docs/kernels.md).
inline constexpr std::int64_t kBytesAhead = 16384, kBytesAheadNear = 1024;

// From three tokens on lines are faster (lines_int8-inl.h); sums of more than four would leave the
// first-level cache.
template <int kBits>
inline constexpr int kMaxRowsTokens = kBits == 8 || OC_HAS_INT8_LINES ? 2 : 4;
inline bool int8_rows_fit(const QuantMatrix& w) {
  return w.group == 64 && w.cols >= 64 * kFoldGroups && w.meta != Storage::kF32;
}

// A row in steps of eight groups. Where its groups are no multiple of eight the last step begins
// early: its first groups have been met before, and count nothing (RowsInput).
struct Folds {
  std::int64_t groups, count;
  HWY_INLINE explicit Folds(std::int64_t cols)
      : groups(cols / 64), count((groups + kFoldGroups - 1) / kFoldGroups) {}
  HWY_INLINE std::int64_t first(std::int64_t fold) const {  // group
    return fold * kFoldGroups < groups - kFoldGroups ? fold * kFoldGroups : groups - kFoldGroups;
  }
};

#if HWY_MAX_BYTES == 64
HWY_INLINE VI madd_pairs(VI a, VI b) {  // of 16-bit values: pairs of a's lanes, then pairs of b's
  return VI{_mm512_madd_epi16(_mm512_packs_epi32(a.raw, b.raw), hn::Set(DI16(), 1).raw)};
}
#else
HWY_INLINE VI madd_pairs(VI a, VI b) {
  return VI{_mm256_madd_epi16(_mm256_packs_epi32(a.raw, b.raw), hn::Set(DI16(), 1).raw)};
}
#endif

// Lane sums of a line: low nibbles · evens + high nibbles · odds, eight products a lane, at most
// 8 · 15 · 127 = 15,240. Pairs of lanes fit 16 bits too.
HWY_INLINE VI line_sums(VU low, VU high, const std::int8_t* values) {
  const DI d;
  const VI evens = hn::Load(d, reinterpret_cast<const std::int32_t*>(values));
  const VI odds = hn::Load(d, reinterpret_cast<const std::int32_t*>(values + kLineBytes));
  return widen(dot_step(dot_step(no_sums(), low, evens), high, odds));
}

// Sums of the groups in four lines, behind each other at `to`: with 64-byte lines the even groups
// first, then the odd ones.
HWY_INLINE void store_group_sums(VI quads, std::int32_t* to) {  // [line] in each 16-byte block
#if HWY_MAX_BYTES == 64
  const __m512i both = _mm512_add_epi32(_mm512_shuffle_i32x4(quads.raw, quads.raw, 0x08),
                                        _mm512_shuffle_i32x4(quads.raw, quads.raw, 0x0d));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_castsi512_si256(both));
#else
  _mm_storeu_si128(
      reinterpret_cast<__m128i*>(to),
      _mm_add_epi32(_mm256_castsi256_si128(quads.raw), _mm256_extracti128_si256(quads.raw, 1)));
#endif
}
// Where group j of eight lies among them.
template <int kBits>
constexpr int place_of_group(int j) {
  return kBits == 4 && kLineGroups == 2 ? j % 2 * 4 + j / 2 : j;
}

// A row's group sums for kT tokens. values: [token][folds][lines of a fold][evens, odds];
// to: [token] `step` apart, [folds][8].
template <int kT, std::int64_t kAhead, std::int64_t kNear>
HWY_INLINE void row_sums(const std::uint8_t* row, const Folds& folds, const std::int8_t* values,
                         std::int32_t* to, std::int64_t step) {
  const DU d;
  const VU mask = hn::Set(d, 0x0f0f0f0f);
  constexpr int kPart = kT < 4 ? kT : 4;  // tokens whose sums stay in registers
  constexpr std::int64_t kParts = kFoldBytes / (4 * kLineBytes);
  for (std::int64_t i = 0; i < folds.count * kParts; ++i) {
    const std::uint8_t* from = row + folds.first(i / kParts) * 32 + i % kParts * 4 * kLineBytes;
    OC_UNROLL(2)
    for (int first = 0; first < kT; first += kPart) {
      VI pairs[kPart][2];
      OC_UNROLL(2)
      for (int half = 0; half < 2; ++half) {
        VU low[2], high[2];
        OC_UNROLL(2)
        for (int j = 0; j < 2; ++j) {
          const std::uint8_t* line = from + (2 * half + j) * kLineBytes;
          if (first == 0 && (kLineBytes == 64 || j == 0)) {
            if (kAhead != 0) prefetch(line + kAhead);
            if (kNear != 0) __builtin_prefetch(line + kNear, 0, 3);
          }
          const VU packed = load_any(d, line);
          low[j] = hn::And(packed, mask);
          high[j] = hn::And(hn::ShiftRight<4>(packed), mask);
        }
        OC_UNROLL(4)
        for (int t = 0; t < kPart; ++t) {
          const std::int8_t* x = values + (first + t) * folds.count * 2 * kFoldBytes +
                                 (i * 4 + 2 * half) * 2 * kLineBytes;
          pairs[t][half] = madd_pairs(line_sums(low[0], high[0], x),
                                      line_sums(low[1], high[1], x + 2 * kLineBytes));
        }
      }
      OC_UNROLL(4)
      for (int t = 0; t < kPart; ++t)
        store_group_sums(madd_pairs(pairs[t][0], pairs[t][1]),
                         to + (first + t) * step + i * 4 * kLineGroups);
    }
  }
}

// Lane sums of 8-bit weights.
HWY_INLINE VI byte_sums(VI sums, VU w, VI x) {
  if constexpr (!kSplitBytes) {
    return hn::Add(sums, widen(dot_step(no_sums(), w, x)));
  } else {  // halves, each within 16 bits; the high ones count sixteenfold
    const VU mask = hn::Set(DU(), 0x0f0f0f0f);
    const Sums low = dot_step(no_sums(), hn::And(w, mask), x);
    const Sums high = dot_step(no_sums(), hn::And(hn::ShiftRight<4>(w), mask), x);
    return hn::Add(sums, hn::Add(widen(low), hn::ShiftLeft<4>(widen(high))));
  }
}

// v[i] holds the lane sums of group i → [group i's sum] in each 16-byte block, blocks to be added.
HWY_INLINE VI quads_of(const VI v[4]) {
  const DI d;
  const DU64 d64;
  const auto pairs = [&](VI a, VI b) HWY_ATTR {
    return hn::BitCast(d64, hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b)));
  };
  const auto first = pairs(v[0], v[1]), second = pairs(v[2], v[3]);
  return hn::Add(hn::BitCast(d, hn::InterleaveLower(d64, first, second)),
                 hn::BitCast(d, hn::InterleaveUpper(d64, first, second)));
}

// row_sums of 8-bit weights. values: [token][folds][512 columns].
template <int kT, std::int64_t kAhead, std::int64_t kNear>
HWY_INLINE void byte_row_sums(const std::uint8_t* row, const Folds& folds,
                              const std::int8_t* values, std::int32_t* to, std::int64_t step) {
  constexpr int kVectors = 16 / kLanes, kGroups = 4 * kLineGroups;  // of a group; that are stored
  constexpr std::int64_t kColumns = kFoldGroups * 64;
  for (std::int64_t i = 0; i < folds.count * (kFoldGroups / kGroups); ++i) {
    const std::int64_t in_fold = i % (kFoldGroups / kGroups) * kGroups * 64;
    const std::uint8_t* from = row + folds.first(i * kGroups / kFoldGroups) * 64 + in_fold;
    VI sums[kT][kGroups];
    OC_UNROLL(8)
    for (int g = 0; g < kGroups; ++g) {
      if (kAhead != 0) prefetch(from + g * 64 + kAhead);
      if (kNear != 0) __builtin_prefetch(from + g * 64 + kNear, 0, 3);
      OC_UNROLL(2)
      for (int v = 0; v < kVectors; ++v) {
        const std::int64_t at = g * 64 + v * 4 * kLanes;
        const VU w = load_any(DU(), from + at);
        OC_UNROLL(2)
        for (int t = 0; t < kT; ++t)
          sums[t][g] = byte_sums(
              v == 0 ? hn::Zero(DI()) : sums[t][g], w,
              load_any(DI(), values + t * folds.count * kColumns + i * kGroups * 64 + at));
      }
    }
    OC_UNROLL(2)
    for (int t = 0; t < kT; ++t) {
      VI quads = quads_of(sums[t]);
#if HWY_MAX_BYTES == 64
      const VI upper = quads_of(sums[t] + 4);
      quads = VI{_mm512_add_epi32(_mm512_shuffle_i32x4(quads.raw, upper.raw, 0x88),
                                  _mm512_shuffle_i32x4(quads.raw, upper.raw, 0xdd))};
#endif
      store_group_sums(quads, to + t * step + i * kGroups);
    }
  }
}

// What rows meet: a panel's bytes token after token, as row_sums reads them (4 bits: evens and odds
// of a line's columns); and the scales and sums of the last fold, 0 for groups that were met
// before.
template <int kBits, int kT>
struct RowsInput {
  RowsInput(const Int8Rows& x, std::int64_t cols, std::int8_t* to) : panel(x), folds(cols) {
    values = to;
    const std::int64_t first = folds.first(folds.count - 1),
                       again = folds.count * kFoldGroups - folds.groups;
    for (std::int64_t i = 0; i < kFoldGroups * kT; ++i) {
      last_scales[i] = i < again * kT ? 0.0f : x.scales[first * kT + i];
      last_sums[i] = i < again * kT ? 0.0f : x.sums[first * kT + i];
    }
    for (std::int64_t fold = 0; fold < folds.count; ++fold)
      split(reinterpret_cast<const std::uint32_t*>(x.values) + folds.first(fold) * 16 * kT,
            reinterpret_cast<std::uint32_t*>(to) + fold * kFoldGroups * 16);
  }
  static std::int64_t bytes(std::int64_t cols) { return kT * Folds(cols).count * kFoldGroups * 64; }
  HWY_INLINE const float* scales(std::int64_t fold) const {
    return fold + 1 == folds.count ? last_scales : panel.scales + fold * kFoldGroups * kT;
  }
  HWY_INLINE const float* sums(std::int64_t fold) const {
    return fold + 1 == folds.count ? last_sums : panel.sums + fold * kFoldGroups * kT;
  }

  const Int8Rows& panel;
  Folds folds;
  const std::int8_t* values;
  float last_scales[kFoldGroups * kT], last_sums[kFoldGroups * kT];

 private:
  // One fold; tokens' dwords in turn → evens and odds of each token.
  HWY_INLINE void split(const std::uint32_t* from, std::uint32_t* to) const {
    const DU d;
    const std::int64_t dwords = kFoldGroups * 16, token = folds.count * dwords;
    if constexpr (kBits == 8) {
      static_assert(kT <= 2);
      for (std::int64_t at = 0; at < dwords; at += kLanes, from += kLanes * kT) {
        VU first = hn::LoadU(d, from), second = first;
        if constexpr (kT == 2) hn::LoadInterleaved2(d, from, first, second);
        hn::Store(first, d, to + at);
        if constexpr (kT == 2) hn::Store(second, d, to + token + at);
      }
      return;
    }
    for (std::int64_t at = 0; at < dwords; at += 2 * kLanes, from += 2 * kLanes * kT) {
      if constexpr (kT == 1) {
        VU evens, odds;
        hn::LoadInterleaved2(d, from, evens, odds);
        hn::Store(evens, d, to + at);
        hn::Store(odds, d, to + at + kLanes);
      } else if constexpr (kT == 2) {
        VU parts[4];
        hn::LoadInterleaved4(d, from, parts[0], parts[1], parts[2], parts[3]);
        for (int i = 0; i < 4; ++i)
          hn::Store(parts[i], d, to + i % 2 * token + at + i / 2 * kLanes);
      } else {  // rows of 2·kT dwords, turned
        const DI lanes;
        const VI index = hn::Mul(hn::Iota(lanes, 0), hn::Set(lanes, 2 * kT));
        for (int i = 0; i < 2 * kT; ++i)
          hn::Store(hn::GatherIndex(d, from + i, index), d,
                    to + i % kT * token + at + i / kT * kLanes);
      }
    }
  }
};

// A strip whose dots are known: [token] `token_step` apart, [kLanes rows] `row_step` apart,
// [folds][8].
struct StripSums {
  const std::int32_t* sums = nullptr;
  std::int64_t token_step = 0, row_step = 0;
  const std::uint8_t *scales = nullptr, *biases = nullptr;
  std::int64_t meta_stride = 0;
};

// acc[token] goes on over a fold.
template <int kBits, int kT>
HWY_INLINE void fold_groups(const StripSums& strip, std::int64_t fold, Storage meta,
                            const RowsInput<kBits, kT>& x, VF* acc) {
  const DF d;
  VF scales[kFoldGroups], biases[kFoldGroups];
  const std::int64_t first = x.folds.first(fold);
  transpose_halves(strip.scales + 2 * first, strip.meta_stride, meta, scales);
  transpose_halves(strip.biases + 2 * first, strip.meta_stride, meta, biases);
  const float *x_scales = x.scales(fold), *x_sums = x.sums(fold);
  OC_UNROLL(8)
  for (int t = 0; t < kT; ++t) {
    VU sums[kFoldGroups];
    const auto* rows = reinterpret_cast<const std::uint8_t*>(strip.sums + t * strip.token_step +
                                                             fold * kFoldGroups);
    transpose4(rows, strip.row_step * 4, sums);
    transpose4(rows + 16, strip.row_step * 4, sums + 4);
    VF sum = acc[t];
    OC_UNROLL(8)
    for (int j = 0; j < kFoldGroups; ++j) {
      const VI dots = hn::BitCast(DI(), sums[place_of_group<kBits>(j)]);
      sum = hn::MulAdd(hn::ConvertTo(d, dots), hn::Mul(scales[j], hn::Set(d, x_scales[j * kT + t])),
                       sum);
      sum = hn::MulAdd(biases[j], hn::Set(d, x_sums[j * kT + t]), sum);
    }
    acc[t] = sum;
  }
}

// Outputs [begin, end), whole strips; `tokens` of the panel's kT are stored. A strip is folded
// piece by piece between the rows of the next one, so that memory is never left waiting.
template <int kBits, int kT, std::int64_t kAhead = kBytesAhead,
          std::int64_t kNear = kBytesAheadNear>
HWY_NOINLINE void int8_rows(const QuantMatrix& w, std::int64_t begin, std::int64_t end,
                            const Int8Rows& x, std::int64_t tokens, float* y, std::int64_t y_stride,
                            const Epilogue& epilogue, std::byte* scratch) {
  const std::int64_t bytes = w.row_bytes(), meta_stride = w.cols / 64 * 2;
  const RowsInput<kBits, kT> input(x, w.cols, reinterpret_cast<std::int8_t*>(scratch));
  const std::int64_t folds = input.folds.count, row_step = folds * kFoldGroups;
  const std::int64_t token_step = kLanes * row_step;
  // [2, kT, kLanes, folds, 8]
  auto* sums = reinterpret_cast<std::int32_t*>(scratch + input.bytes(w.cols));
  VF acc[kT];
  StripSums before;
  std::int64_t folded = 0;
  const auto fold_until = [&](std::int64_t fold) HWY_ATTR {
    for (; folded < fold; ++folded) fold_groups<kBits, kT>(before, folded, w.meta, input, acc);
  };
  const auto store = [&](std::int64_t n) HWY_ATTR {
    for (std::int64_t t = 0; t < tokens; ++t)
      store_outputs(acc[t], t, n, end, y, y_stride, epilogue);
  };
  for (std::int64_t n = begin; n < end; n += kLanes) {
    std::int32_t* now = sums + n / kLanes % 2 * kT * token_step;
    const std::uint8_t* scales = w.scales + n * meta_stride;
    const std::uint8_t* biases = w.biases + n * meta_stride;
    for (std::int64_t r = 0; r < kLanes; ++r) {
      // Folded a strip behind; the strip after this one comes into the second level meanwhile.
      for (std::int64_t at = 0; at < meta_stride; at += 64) {
        prefetch(scales + (r + kLanes) * meta_stride + at);
        prefetch(biases + (r + kLanes) * meta_stride + at);
        __builtin_prefetch(scales + r * meta_stride + at, 0, 3);
        __builtin_prefetch(biases + r * meta_stride + at, 0, 3);
      }
      const std::uint8_t* row = w.weight + (n + r) * bytes;
      if constexpr (kBits == 4)
        row_sums<kT, kAhead, kNear>(row, input.folds, input.values, now + r * row_step, token_step);
      else
        byte_row_sums<kT, kAhead, kNear>(row, input.folds, input.values, now + r * row_step,
                                         token_step);
      if (n != begin) fold_until((r + 1) * folds / kLanes);
    }
    if (n != begin) store(n - kLanes);
    before = {now, token_step, row_step, scales, biases, meta_stride};
    folded = 0;
    for (VF& sum : acc) sum = hn::Zero(DF());
  }
  if (begin >= end) return;
  fold_until(folds);
  store(end - kLanes);
}

}  // namespace oc::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // OC_HAS_INT8_ROWS

#endif  // include guard per target
