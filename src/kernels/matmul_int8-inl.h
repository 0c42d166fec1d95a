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

#include "kernels/dot-inl.h"
#include "kernels/rows_int8-inl.h"
#include "kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace oc::kernels::HWY_NAMESPACE {

// A chunk: 32 columns, eight dwords of activations. 8-bit weights are split into halves where
// dot_step needs it, high nibbles behind low ones.
inline constexpr int kSteps = 8;
template <int kBits>
inline constexpr int kChunkVectors = kBits == 8 && kSplitBytes ? 2 * kSteps : kSteps;

// kLanes rows of W that follow each other, with their scales and biases.
struct Strip {
  const std::uint8_t *weight, *scales, *biases;
  std::int64_t weight_stride, meta_stride;  // bytes from row to row
};
// Rows past the end are copies of the last one in `spare` (spare_bytes); their results are not
// stored.
HWY_INLINE Strip strip_of(const QuantMatrix& w, std::int64_t first, std::uint8_t* spare) {
  Strip strip;
  strip.weight_stride = w.cols * w.bits / 8;
  strip.meta_stride = w.cols / w.group * size_of_storage(w.meta);
  const auto rows_at = [&](const std::uint8_t* from, std::int64_t bytes) -> const std::uint8_t* {
    if (first + kLanes <= w.rows) return from + first * bytes;
    std::uint8_t* copies = spare;
    spare += kLanes * bytes;
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      const std::int64_t row = first + lane < w.rows ? first + lane : w.rows - 1;
      std::memcpy(copies + lane * bytes, from + row * bytes, static_cast<std::size_t>(bytes));
    }
    return copies;
  };
  strip.weight = rows_at(w.weight, strip.weight_stride);
  strip.scales = rows_at(w.scales, strip.meta_stride);
  strip.biases = rows_at(w.biases, strip.meta_stride);
  return strip;
}

// The packed dwords of a strip, some chunks at a time.
template <int kBits>
class PackedLine {
 public:
  static constexpr int kVectors = kBits == 4 ? 4 : 8;  // of packed dwords in a chunk
  static constexpr int kChunks = kLanes > kVectors ? kLanes / kVectors : 1;

  // Makes `chunk` available. Chunks are asked for one after the other.
  HWY_INLINE void move_to(const Strip& strip, std::int64_t chunk, std::int64_t chunks) {
    at_ = static_cast<int>(chunk % kChunks) * kVectors;
    if (at_ != 0) return;
    const std::uint8_t* from = strip.weight + chunk * kVectors * 4;
    if (kChunks * kVectors == kLanes && chunk + kChunks <= chunks) {
      transpose_line(from, strip.weight_stride, dwords_);
      return;
    }
    for (std::int64_t i = 0; i < kChunks && chunk + i < chunks; ++i)
      for (int part = 0; part < kVectors; part += 4)
        transpose4(from + (i * kVectors + part) * 4, strip.weight_stride,
                   dwords_ + i * kVectors + part);
  }

  // Unpacks it to out[0], out[step], …. For 4 bits vector 2j holds columns 8j + {0,2,4,6}, vector
  // 2j+1 the odd ones.
  HWY_INLINE void unpack(VU* out, int step) const {
    const VU low = hn::Set(DU(), 0x0f0f0f0f);
    OC_UNROLL(8)
    for (int j = 0; j < kVectors; ++j) {
      const VU packed = dwords_[at_ + j];
      if constexpr (kBits == 4) {
        out[2 * j * step] = hn::And(packed, low);
        out[(2 * j + 1) * step] = hn::And(hn::ShiftRight<4>(packed), low);
      } else if constexpr (!kSplitBytes) {
        out[j * step] = packed;
      } else {
        out[j * step] = hn::And(packed, low);
        out[(kSteps + j) * step] = hn::And(hn::ShiftRight<4>(packed), low);
      }
    }
  }

 private:
  VU dwords_[kChunks * kVectors];
  int at_ = 0;
};

// Scales or biases of a strip as float32: [K/group] vectors, `step` floats apart.
HWY_INLINE void unpack_meta(const std::uint8_t* from, std::int64_t stride, std::int64_t groups,
                            Storage type, float* out, std::int64_t step) {
  const DF d;
  const std::int64_t size = size_of_storage(type), piece = 16 / size;
  std::int64_t g = 0;
  for (; g + piece <= groups; g += piece) {
    VU four[4];
    transpose4(from + g * size, stride, four);
    OC_UNROLL(4)
    for (int j = 0; j < 4; ++j) {
      if (type == Storage::kF32) {
        hn::Store(hn::BitCast(d, four[j]), d, out + (g + j) * step);
      } else {
        hn::Store(float_of_half<false>(four[j], type), d, out + (g + 2 * j) * step);
        hn::Store(float_of_half<true>(four[j], type), d, out + (g + 2 * j + 1) * step);
      }
    }
  }
  for (; g < groups; ++g)
    for (std::int64_t lane = 0; lane < kLanes; ++lane)
      out[g * step + lane] = load_scalar(from + lane * stride + g * size, type);
}

template <int kR, int kT, class D>
HWY_INLINE void clear(D d, hn::Vec<D> sums[kR][kT]) {
  OC_UNROLL(8)
  for (int r = 0; r < kR; ++r) {
    OC_UNROLL(8)
    for (int t = 0; t < kT; ++t) sums[r][t] = hn::Zero(d);
  }
}

HWY_INLINE VI broadcast4(const std::int8_t* bytes) {
  std::int32_t value;
  std::memcpy(&value, bytes, 4);
  return hn::Set(DI(), value);
}

// totals[r][t] += the exact sums of eight steps for kR row vectors and kT tokens of a panel of kP.
// weights: [step][kR], values: [step][kP] dwords.
template <int kR, int kT, int kP>
HWY_INLINE void add_wide_steps(const VU* weights, const std::int8_t* values, VI totals[kR][kT]) {
  // A dot waits four cycles for the one before it: fewer than four sums are divided.
  constexpr int kChains = kR * kT == 1 ? 4 : kR * kT == 2 ? 2 : 1;
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
      const VI x = broadcast4(values + 4 * (j * kP + t));
      OC_UNROLL(8)
      for (int r = 0; r < kR; ++r)
        sums[r][t][j % kChains] = dot_step(sums[r][t][j % kChains], weights[j * kR + r], x);
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
HWY_INLINE Panel behind(const Panel& x, std::int64_t tokens) {  // the slots behind those
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

// kR row vectors × kT tokens over all columns. weights: [K/4 (8 bits split: K/2)][kR] vectors,
// meta: [K/group][2][kR][kLanes].
template <int kBits, int kR, int kT, int kP>
HWY_NOINLINE void int8_tile(const QuantMatrix& w, const VU* weights, const float* meta, Panel x,
                            const Outputs& out) {
  const std::int64_t groups = w.cols / w.group, unit = unit_of(w.group);
  const std::int64_t units_per_group = w.group / unit, chunks_per_unit = unit / kChunk;
  VF acc[kR][kT];
  clear<kR, kT>(DF(), acc);
  const std::int8_t* values = x.values;
  const float *scales = x.scales, *sums = x.sums;
  for (std::int64_t g = 0; g < groups; ++g) {
    for (std::int64_t i = 0; i < units_per_group; ++i) {
      VI totals[kR][kT];
      clear<kR, kT>(DI(), totals);
      for (std::int64_t c = 0; c < chunks_per_unit; ++c) {
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
  store_panel<kR, kT>(acc, x, out);
}

HWY_INLINE void prefetch(const std::uint8_t* at) {
  __builtin_prefetch(at, 0, 2);  // into the second level: the first is too small for a strip
}

// Groups whose scales and biases are unpacked at a time: two bytes each, a transposition.
inline constexpr std::int64_t kMetaGroups = 8;
// Strips ahead of which memory is fetched (docs/kernels.md: two beat one by 2 % of the bandwidth).
inline constexpr std::int64_t kStripsAhead = 2;

// One panel: chunks are unpacked into registers and used at once, while the memory of strips
// further on (right behind this one) is fetched, as evenly as it will be used. The same sums in the
// same order.
template <int kBits, int kT, std::int64_t kAhead = kStripsAhead>
HWY_NOINLINE void int8_few(const QuantMatrix& w, const Strip& strip, Panel x, const Outputs& out) {
  const std::int64_t groups = w.cols / w.group, unit = unit_of(w.group), chunks = w.cols / kChunk;
  const std::int64_t units_per_group = w.group / unit, chunks_per_unit = unit / kChunk;
  const std::int64_t size = size_of_storage(w.meta);
  constexpr std::int64_t kChunkBytes = kLanes * kChunk * kBits / 8;
  const std::uint8_t* next = strip.weight + kAhead * kLanes * strip.weight_stride;
  const std::int64_t next_meta = kAhead * kLanes * strip.meta_stride;
  HWY_ALIGN float meta[kMetaGroups * 2 * kLanes];
  VF acc[1][kT];
  clear<1, kT>(DF(), acc);
  const std::int8_t* values = x.values;
  const float *scales = x.scales, *sums = x.sums;
  PackedLine<kBits> line;
  std::int64_t chunk = 0;
  for (std::int64_t g = 0; g < groups; ++g) {
    const std::int64_t in_meta = g % kMetaGroups;
    if (in_meta == 0) {
      const std::int64_t count = groups - g < kMetaGroups ? groups - g : kMetaGroups;
      for (std::int64_t at = g * kLanes * size; at < (g + count) * kLanes * size; at += 64) {
        prefetch(strip.scales + next_meta + at);
        prefetch(strip.biases + next_meta + at);
      }
      unpack_meta(strip.scales + g * size, strip.meta_stride, count, w.meta, meta, 2 * kLanes);
      unpack_meta(strip.biases + g * size, strip.meta_stride, count, w.meta, meta + kLanes,
                  2 * kLanes);
    }
    const float* group_meta = meta + in_meta * 2 * kLanes;
    for (std::int64_t i = 0; i < units_per_group; ++i) {
      VI totals[1][kT];
      clear<1, kT>(DI(), totals);
      for (std::int64_t c = 0; c < chunks_per_unit; ++c, ++chunk) {
        OC_UNROLL(8)
        for (std::int64_t byte = 0; byte < kChunkBytes; byte += 64) prefetch(next + byte);
        next += kChunkBytes;
        line.move_to(strip, chunk, chunks);
        VU weights[kChunkVectors<kBits>];
        line.unpack(weights, 1);
        add_chunk<kBits, 1, kT, kT>(weights, values, totals);
        values += kChunk * kT;
      }
      fold_unit<1, kT>(totals, group_meta, scales, acc);
      scales += kT;
    }
    fold_bias<1, kT>(group_meta, sums, acc);
    sums += kT;
  }
  store_panel<1, kT>(acc, x, out);
}

template <int kBits, int kT>
void int8_panels(const QuantMatrix& w, std::int64_t begin, std::int64_t end, const Int8Rows& x,
                 std::int64_t tokens, float* y, std::int64_t y_stride, const Epilogue& epilogue,
                 std::byte* scratch) {
  // 16 registers hold the sums of 2 × 4, 32 those of 2 × 8.
  constexpr int kR = 2, kTile = kT == 8 && HWY_TARGET != HWY_AVX3_DL ? 4 : kT;
  constexpr std::int64_t kChunkRowBytes = kChunk * kBits / 8;
  const std::int64_t chunks = w.cols / kChunk, groups = w.cols / w.group;
  auto* meta = reinterpret_cast<float*>(scratch);  // [groups][2][kR][kLanes]
  auto* weights = reinterpret_cast<VU*>(meta + kR * groups * 2 * kLanes);  // [chunks][steps][kR]
  auto* spare = reinterpret_cast<std::uint8_t*>(weights + chunks * kChunkVectors<kBits> * kR);
  const auto panel = [&](std::int64_t first) {
    return Panel{x.values + first * w.cols, x.scales + first * (w.cols / unit_of(w.group)),
                 x.sums + first * groups, first, tokens - first < kT ? tokens - first : kT};
  };
  Outputs out{begin, end, y, y_stride, &epilogue};
  if (tokens <= kT) {
#if OC_HAS_INT8_ROWS
    if (int8_rows_fit<kBits, kT>(w)) {
      const std::int64_t whole = begin + (end - begin) / kLanes * kLanes;
      int8_rows < kT<8 ? kT : 1>(w, begin, whole, x, tokens, y, y_stride, epilogue, scratch);
      out.n = whole;
    }
#endif
    for (; out.n < end; out.n += kLanes)
      int8_few<kBits, kT>(w, strip_of(w, out.n, spare), panel(0), out);
    return;
  }
  for (; out.n < end; out.n += kR * kLanes) {
    for (int r = 0; r < kR; ++r) {
      const Strip strip = strip_of(w, out.n + r * kLanes, spare);
      unpack_meta(strip.scales, strip.meta_stride, groups, w.meta, meta + r * kLanes,
                  2 * kR * kLanes);
      unpack_meta(strip.biases, strip.meta_stride, groups, w.meta, meta + (kR + r) * kLanes,
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
    for (std::int64_t t = 0; t < tokens; t += kT) {
      Panel tile = panel(t);
      for (; tile.count > 0; tile = behind(tile, kTile))
        int8_tile<kBits, kR, kTile, kT>(w, weights, meta, tile, out);
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
    VF most = hn::Zero(d);
    for (std::int64_t i = 0; i < unit; i += kLanes)
      most = hn::Max(most, hn::Abs(hn::LoadU(d, from + i)));
    const float largest = hn::GetLane(hn::MaxOfLanes(d, most));
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
