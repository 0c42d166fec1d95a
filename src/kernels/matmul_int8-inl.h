// Packed weights × int8 rows. Outputs lie in lanes: a block of 2·kLanes rows of W is unpacked once
// (16 x 16-byte transposes, so that a lane holds four columns of its row), then met by tiles of
// tokens whose bytes are broadcast four at a time. Integer sums are exact, so only the order over
// units matters, and that is the same for every shape.
#if defined(OC_KERNELS_MATMUL_INT8_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OC_KERNELS_MATMUL_INT8_INL_H_
#undef OC_KERNELS_MATMUL_INT8_INL_H_
#else
#define OC_KERNELS_MATMUL_INT8_INL_H_
#endif

#include "kernels/amx_int8-inl.h"
#include "kernels/dot-inl.h"
#include "kernels/lines_int8-inl.h"
#include "kernels/packed_int8-inl.h"
#include "kernels/rows_int8-inl.h"
#include "kernels/simd-inl.h"
#include "kernels/tiles_int8-inl.h"

HWY_BEFORE_NAMESPACE();
namespace oc::kernels::HWY_NAMESPACE {

// One panel: chunks are unpacked into registers and used at once, while the memory of strips
// further on (right behind these) is fetched, as evenly as it will be used. The same sums in the
// same order. kR strips that follow each other: a dot waits four cycles for the one before it, so
// that with a few tokens one strip alone has too few sums.
template <int kBits, int kR, int kT, std::int64_t kAhead = kStripsAhead>
HWY_NOINLINE void int8_few(const QuantMatrix& w, const std::array<Strip, kR>& strips,
                           const Panel& x, const Outputs& out) {
  const std::int64_t groups = w.cols / w.group, unit = unit_of(w.group), chunks = w.cols / kChunk;
  const std::int64_t units_per_group = w.group / unit, chunks_per_unit = unit / kChunk;
  const std::int64_t size = size_of_storage(w.meta);
  constexpr std::int64_t kChunkBytes = kR * kLanes * kChunk * kBits / 8;
  const std::uint8_t* next = strips[0].weight + kAhead * kLanes * strips[0].weight_stride;
  const std::int64_t next_meta = kAhead * kLanes * strips[0].meta_stride;
  HWY_ALIGN float meta[kMetaGroups * 2 * kR * kLanes];
  VF acc[kR][kT];
  clear<kR, kT>(DF(), acc);
  const std::int8_t* values = x.values;
  const float *scales = x.scales, *sums = x.sums;
  PackedLine<kBits> lines[kR];
  std::int64_t chunk = 0;
  for (std::int64_t g = 0; g < groups; ++g) {
    const std::int64_t in_meta = g % kMetaGroups;
    if (in_meta == 0) {
      const std::int64_t count = groups - g < kMetaGroups ? groups - g : kMetaGroups;
      for (std::int64_t at = g * kR * kLanes * size; at < (g + count) * kR * kLanes * size;
           at += 64) {
        prefetch(strips[0].scales + next_meta + at);
        prefetch(strips[0].biases + next_meta + at);
      }
      OC_UNROLL(2)
      for (int r = 0; r < kR; ++r) {
        unpack_meta(strips[r].scales, strips[r].meta_stride, g, count, w.meta, meta + r * kLanes,
                    2 * kR * kLanes);
        unpack_meta(strips[r].biases, strips[r].meta_stride, g, count, w.meta,
                    meta + (kR + r) * kLanes, 2 * kR * kLanes);
      }
    }
    const float* group_meta = meta + in_meta * 2 * kR * kLanes;
    for (std::int64_t i = 0; i < units_per_group; ++i) {
      VI totals[kR][kT];
      clear<kR, kT>(DI(), totals);
      for (std::int64_t c = 0; c < chunks_per_unit; ++c, ++chunk) {
        OC_UNROLL(16)
        for (std::int64_t byte = 0; byte < kChunkBytes; byte += 64) prefetch(next + byte);
        next += kChunkBytes;
        VU weights[kChunkVectors<kBits> * kR];
        OC_UNROLL(2)
        for (int r = 0; r < kR; ++r) {
          lines[r].move_to(strips[r], chunk, chunks);
          lines[r].unpack(weights + r, kR);
        }
        add_chunk<kBits, kR, kT, kT>(weights, values, totals);
        values += kChunk * kT;
      }
      fold_unit<kR, kT>(totals, group_meta, scales, acc);
      scales += kT;
    }
    fold_bias<kR, kT>(group_meta, sums, acc);
    sums += kT;
  }
  store_panel<kR, kT>(acc, x, out);
}

// Fetches the packed rows behind those that are at work, a few lines at each turn.
class RowsAhead {
 public:
  RowsAhead(const QuantMatrix& w, std::int64_t first, std::int64_t rows, std::int64_t turns) {
    const std::int64_t stride = w.row_bytes();
    const std::int64_t count = first < w.rows ? (first + rows < w.rows ? rows : w.rows - first) : 0;
    at_ = w.weight + first * stride;
    end_ = at_ + count * stride;
    lines_ = (count * stride / 64 + turns) / turns;
  }
  HWY_INLINE void turn() {
    for (std::int64_t i = 0; i < lines_ && at_ < end_; ++i, at_ += 64) prefetch(at_);
  }

 private:
  const std::uint8_t *at_, *end_;
  std::int64_t lines_;
};

// Two strips, unpacked: weights [K/32][chunk's vectors][kR] and meta [groups][2][kR][kLanes].
template <int kBits, int kR>
void unpack_strips(const QuantMatrix& w, std::int64_t first, VU* weights, float* meta,
                   std::uint8_t* spare) {
  constexpr std::int64_t kChunkRowBytes = kChunk * kBits / 8;
  const std::int64_t chunks = w.cols / kChunk, groups = w.cols / w.group;
  for (int r = 0; r < kR; ++r) {
    const Strip strip = strip_of(w, first + r * kLanes, spare);
    unpack_meta(strip.scales, strip.meta_stride, 0, groups, w.meta, meta + r * kLanes,
                2 * kR * kLanes);
    unpack_meta(strip.biases, strip.meta_stride, 0, groups, w.meta, meta + (kR + r) * kLanes,
                2 * kR * kLanes);
    PackedLine<kBits> line;
    for (std::int64_t c = 0; c < chunks; ++c) {
      if (c % (64 / kChunkRowBytes) == 0)  // a line a row, some lines ahead
        for (std::int64_t lane = 0; lane < kLanes; ++lane)
          prefetch(strip.weight + lane * strip.weight_stride + c * kChunkRowBytes + 512);
      line.move_to(strip, c, chunks);
      line.unpack(weights + c * kChunkVectors<kBits> * kR + r, kR);
    }
  }
}

template <int kBits, int kT>
void int8_panels(const QuantMatrix& w, std::int64_t begin, std::int64_t end, const Int8Rows& x,
                 std::int64_t tokens, float* y, std::int64_t y_stride, const Epilogue& epilogue,
                 std::byte* scratch) {
  // 16 registers hold the sums of 2 × 4, 32 those of 2 × 8.
  constexpr int kR = 2, kTile = kT == 8 && HWY_TARGET != HWY_AVX3_DL ? 4 : kT;
  constexpr bool kAmx = kT == kAmxPanel;
  // Columns whose unpacked weights, 16 KB, stay in the first level.
  constexpr std::int64_t kBlockCols = 512 * kMaxLanes / kLanes;
  const std::int64_t chunks = w.cols / kChunk, groups = w.cols / w.group;
  auto* kept = reinterpret_cast<float*>(scratch);  // [kKeptTokens][kR][kLanes]
  auto* meta = kept + kKeptTokens * kR * kLanes;   // [groups][2][kR][kLanes]
  auto* weights = reinterpret_cast<VU*>(meta + kR * groups * 2 * kLanes);  // [chunks][steps][kR]
  auto* spare = reinterpret_cast<std::uint8_t*>(weights + chunks * kChunkVectors<kBits> * kR);
  const auto panel = [&](std::int64_t first) {
    return Panel{x.values + first * w.cols, x.scales + first * (w.cols / unit_of(w.group)),
                 x.sums + first * groups, first, tokens - first < kT ? tokens - first : kT};
  };
  Outputs out{begin, end, y, y_stride, &epilogue};
  [[maybe_unused]] const std::conditional_t<kAmx, AmxTiles, NoTiles> form(unit_of(w.group));
  // Rows, lines, strips: docs/kernels.md. Floats are rounded once for all tokens.
  if (!kAmx && tokens <= kT && w.float_cols == 0) {
#if OC_HAS_INT8_LINES
    if constexpr (kBits == 4 && (kT == 4 || kT == 8))
      if (int8_lines_fit(w))
        for (; out.n < end; out.n += kLanes)
          int8_lines<kT>(w, strip_of(w, out.n, spare), panel(0), out);
#endif
#if OC_HAS_INT8_ROWS
    if constexpr (kT <= kMaxRowsTokens<kBits>)
      if (int8_rows_fit(w)) {
        const std::int64_t whole = begin + (end - begin) / kLanes * kLanes;
        int8_rows<kBits, kT>(w, begin, whole, x, tokens, y, y_stride, epilogue, scratch);
        out.n = whole;
      }
#endif
    if constexpr (kT == 8 && HWY_TARGET == HWY_AVX3_DL)
      for (; out.n + 2 * kLanes <= end; out.n += 2 * kLanes)
        int8_few<kBits, 2, kT>(
            w, std::array{strip_of(w, out.n, spare), strip_of(w, out.n + kLanes, spare)}, panel(0),
            out);
    for (; out.n < end; out.n += kLanes)
      int8_few<kBits, 1, kT>(w, std::array{strip_of(w, out.n, spare)}, panel(0), out);
    return;
  }
  const std::int64_t block_groups = kBlockCols / w.group;
  const std::int64_t turns = (tokens + kT - 1) / kT * ((groups + block_groups - 1) / block_groups);
  for (; out.n < end; out.n += kR * kLanes) {
    unpack_strips<kBits, kR>(w, out.n, weights, meta, spare);
    RowsAhead ahead(w, out.n + kR * kLanes, kR * kLanes, turns);
    for (std::int64_t t0 = 0; t0 < tokens; t0 += kKeptTokens) {
      const std::int64_t t1 = tokens - t0 < kKeptTokens ? tokens : t0 + kKeptTokens;
      for (std::int64_t g = 0; g < groups; g += block_groups) {
        const Block block{g, groups - g < block_groups ? groups : g + block_groups, groups};
        const VU* const block_weights =
            weights + g * (w.group / kChunk) * kChunkVectors<kBits> * kR;
        for (std::int64_t t = t0; t < t1; t += kT) {
          ahead.turn();
          // The next panel's columns, or the next block's of the first panel.
          const std::int8_t* next = t + kT < t1 ? x.values + (t + kT) * w.cols + g * w.group * kT
                                                : x.values + t0 * w.cols + block.end * w.group * kT;
          Panel tile = panel(t);
          if (block.ends()) fetch_outputs<kR, kT>(tile, out);
          float* sums = kept + (t - t0) * kR * kLanes;
          for (; tile.count > 0; tile = panel_after(tile, kTile), sums += kTile * kR * kLanes) {
            const float* block_meta = meta + g * 2 * kR * kLanes;
#if OC_HAS_AMX
            if constexpr (kAmx)
              (unit_of(w.group) == 64
                   ? amx_tile<kR, 64>
                   : amx_tile<kR, 32>)(w, block, block_weights, block_meta, tile, next, sums, out);
#endif
            if constexpr (!kAmx)
              int8_tile<kBits, kR, kTile, kT>(w, block, block_weights, block_meta, tile, next, sums,
                                              out);
            next += (block.end - g) * w.group * kTile;
          }
        }
      }
    }
  }
}

template <int kBits>
void matmul_int8_bits(const QuantMatrix& w, std::int64_t begin, std::int64_t end, const Int8Rows& x,
                      std::int64_t tokens, float* y, std::int64_t y_stride,
                      const Epilogue& epilogue, std::byte* scratch) {
  if (x.panel == 1)
    int8_panels<kBits, 1>(w, begin, end, x, tokens, y, y_stride, epilogue, scratch);
  else if (x.panel == 2)
    int8_panels<kBits, 2>(w, begin, end, x, tokens, y, y_stride, epilogue, scratch);
  else if (x.panel == 4)
    int8_panels<kBits, 4>(w, begin, end, x, tokens, y, y_stride, epilogue, scratch);
#if OC_HAS_AMX
  else if (x.panel == kAmxPanel)
    int8_panels<kBits, kAmxPanel>(w, begin, end, x, tokens, y, y_stride, epilogue, scratch);
#endif
  else
    int8_panels<kBits, 8>(w, begin, end, x, tokens, y, y_stride, epilogue, scratch);
}

void matmul_int8(const QuantMatrix& w, std::int64_t begin, std::int64_t end, const Int8Rows& x,
                 std::int64_t tokens, float* y, std::int64_t y_stride, const Epilogue& epilogue,
                 std::byte* scratch) {
  if (w.bits == 4)
    matmul_int8_bits<4>(w, begin, end, x, tokens, y, y_stride, epilogue, scratch);
  else
    matmul_int8_bits<8>(w, begin, end, x, tokens, y, y_stride, epilogue, scratch);
}

// Of eight columns the even ones first, then the odd ones, as nibbles are unpacked.
HWY_INLINE void order_nibbles(std::int8_t* bytes, std::int64_t count) {
  const hn::Full128<std::int8_t> d;
  alignas(16) static constexpr std::int8_t kOrder[16] = {0, 2,  4,  6,  1, 3,  5,  7,
                                                         8, 10, 12, 14, 9, 11, 13, 15};
  const auto order = hn::Load(d, kOrder);
  for (std::int64_t i = 0; i < count; i += 16)
    hn::Store(hn::TableLookupBytes(hn::Load(d, bytes + i), order), d, bytes + i);
}

// See Table::quantize_row.
void quantize_row(const float* x, std::int64_t cols, int bits, int group, int panel,
                  std::int8_t* values, float* scales, float* sums) {
  const DF d;
  const std::int64_t unit = unit_of(group), units_per_group = group / unit;
  for (std::int64_t u = 0; u < cols / unit; ++u) {
    const float* from = x + u * unit;
    VF lane_max = hn::Zero(d);
    for (std::int64_t i = 0; i < unit; i += kLanes)
      lane_max = hn::Max(lane_max, hn::Abs(hn::LoadU(d, from + i)));
    const float largest = hn::GetLane(hn::MaxOfLanes(d, lane_max));
    // A smaller unit would have a subnormal scale and an infinite inverse: it becomes nothing.
    constexpr float kSmallest = 0x1p-119f;
    const float scale = largest < kSmallest ? 0.0f : largest / 127.0f;
    const float inverse = largest < kSmallest ? 0.0f : 127.0f / largest;
    HWY_ALIGN std::int8_t rounded[kMaxUnit];
    VI total = hn::Zero(DI());
    for (std::int64_t i = 0; i < unit; i += kLanes) {
      const VI nearest = hn::NearestInt(hn::Mul(hn::LoadU(d, from + i), hn::Set(d, inverse)));
      const VI q = hn::Max(hn::Min(nearest, hn::Set(DI(), 127)), hn::Set(DI(), -127));
      total = hn::Add(total, q);
      const hn::Rebind<std::int8_t, DI> narrow;
      hn::StoreU(hn::DemoteTo(narrow, q), narrow, rounded + i);
    }
    if (bits == 4) order_nibbles(rounded, unit);
    if (panel == kAmxPanel)
      std::memcpy(values + u * unit * panel, rounded, static_cast<std::size_t>(unit));
    else
      for (std::int64_t i = 0; i < unit; i += 4)
        std::memcpy(values + (u * unit + i) * panel, rounded + i, 4);
    scales[u * panel] = scale;
    const auto sum = hn::GetLane(hn::SumOfLanes(DI(), total));
    const float part = scale * static_cast<float>(sum);
    float& group_sum = sums[u / units_per_group * panel];
    group_sum = u % units_per_group == 0 ? part : group_sum + part;
  }
}

}  // namespace oc::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
