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

#include "kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace oc::kernels::HWY_NAMESPACE {

// Four-way dot of unsigned weights and signed values, lane by lane. Three forms:
//  VNNI: one instruction, 32-bit sums. x86 without it: 16-bit pair sums, good for eight steps of
//  4-bit weights (8 · 2 · 15 · 127 < 2^15), widened once a unit. Elsewhere: plain arithmetic.
#if HWY_TARGET == HWY_AVX3_DL
inline constexpr bool kWideProducts = true;  // 8-bit weights need no splitting
using Sums = VI;
HWY_INLINE Sums no_sums() { return hn::Zero(DI()); }
HWY_INLINE Sums dot_step(Sums sums, VU w, VI x) {
  // Highway 1.0.3 has no such op and does not enable the intrinsic.
  asm("vpdpbusd %2, %1, %0" : "+v"(sums.raw) : "v"(w.raw), "v"(x.raw));
  return sums;
}
HWY_INLINE VI widen(Sums sums) { return sums; }
#elif HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128
inline constexpr bool kWideProducts = false;
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
  return hn::Add(sums, pairs);
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
#else
inline constexpr bool kWideProducts = true;
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

inline constexpr int kSteps = 8;  // dwords of values in a unit

// Vectors of a unpacked unit of one row vector: 8-bit weights are split into two halves where the
// products would overflow, high nibbles behind low ones.
template <int kBits>
inline constexpr int kUnitVectors = kBits == 8 && !kWideProducts ? 2 * kSteps : kSteps;

// Rows of a block and where their packed bytes and scales lie. Rows past the end repeat the last
// one; their results are not stored.
struct BlockRows {
  const std::uint8_t* weight[kLanes];
  std::int64_t row[kLanes];
};
HWY_INLINE BlockRows block_rows(const QuantMatrix& w, std::int64_t first) {
  BlockRows rows;
  for (std::int64_t lane = 0; lane < kLanes; ++lane) {
    const std::int64_t row = first + lane < w.rows ? first + lane : w.rows - 1;
    rows.row[lane] = row;
    rows.weight[lane] = w.weight + row * (w.cols * w.bits / 8);
  }
  return rows;
}

// Unpacks one unit. For 4 bits vector 2j holds columns 8j + {0,2,4,6}, vector 2j+1 the odd ones.
template <int kBits>
HWY_INLINE void unpack_unit(const BlockRows& rows, std::int64_t unit, VU* out) {
  const DU d;
  const VU low = hn::Set(d, 0x0f0f0f0f);
  if constexpr (kBits == 4) {
    VU packed[4];
    transpose4(rows.weight, unit * (kUnit / 2), packed);
    for (int j = 0; j < 4; ++j) {
      out[2 * j] = hn::And(packed[j], low);
      out[2 * j + 1] = hn::And(hn::ShiftRight<4>(packed[j]), low);
    }
  } else {
    for (int half = 0; half < 2; ++half) {
      VU packed[4];
      transpose4(rows.weight, unit * kUnit + 16 * half, packed);
      for (int j = 0; j < 4; ++j) {
        if constexpr (kWideProducts) {
          out[4 * half + j] = packed[j];
        } else {
          out[4 * half + j] = hn::And(packed[j], low);
          out[kSteps + 4 * half + j] = hn::And(hn::ShiftRight<4>(packed[j]), low);
        }
      }
    }
  }
}

// Scales and biases of the rows as [K/group, 2, kLanes] float32.
HWY_INLINE void unpack_meta(const QuantMatrix& w, const BlockRows& rows, float* out) {
  const std::int64_t groups = w.cols / w.group, size = size_of_storage(w.meta);
  for (std::int64_t lane = 0; lane < kLanes; ++lane) {
    const std::uint8_t* scales = w.scales + rows.row[lane] * groups * size;
    const std::uint8_t* biases = w.biases + rows.row[lane] * groups * size;
    HWY_ALIGN float s[kLanes], b[kLanes];
    std::int64_t g = 0;
    for (; g + kLanes <= groups; g += kLanes) {
      hn::Store(load_float(scales + g * size, w.meta), DF(), s);
      hn::Store(load_float(biases + g * size, w.meta), DF(), b);
      for (std::int64_t i = 0; i < kLanes; ++i) {
        out[(g + i) * 2 * kLanes + lane] = s[i];
        out[((g + i) * 2 + 1) * kLanes + lane] = b[i];
      }
    }
    for (; g < groups; ++g) {
      out[g * 2 * kLanes + lane] = load_scalar(scales + g * size, w.meta);
      out[(g * 2 + 1) * kLanes + lane] = load_scalar(biases + g * size, w.meta);
    }
  }
}

HWY_INLINE VI broadcast4(const std::int8_t* bytes) {
  std::int32_t value;
  std::memcpy(&value, bytes, 4);
  return hn::Set(DI(), value);
}

// Exact sums of one unit for kR row vectors and kT tokens. weights: [kR][unit_stride] vectors.
template <int kBits, int kR, int kT>
HWY_INLINE void unit_sums(const VU* weights, std::int64_t unit_stride,
                          const std::int8_t* const* values, std::int64_t at, VI out[kR][kT]) {
  Sums sums[kR][kT];
  for (int part = 0; part < kUnitVectors<kBits> / kSteps; ++part) {
    for (int r = 0; r < kR; ++r)
      for (int t = 0; t < kT; ++t) sums[r][t] = no_sums();
    HWY_UNROLL(8)
    for (int j = 0; j < kSteps; ++j) {
      VU w[kR];
      for (int r = 0; r < kR; ++r) w[r] = weights[r * unit_stride + part * kSteps + j];
      for (int t = 0; t < kT; ++t) {
        const VI x = broadcast4(values[t] + at + 4 * j);
        for (int r = 0; r < kR; ++r) sums[r][t] = dot_step(sums[r][t], w[r], x);
      }
    }
    for (int r = 0; r < kR; ++r)
      for (int t = 0; t < kT; ++t)
        out[r][t] =
            part == 0 ? widen(sums[r][t]) : hn::Add(out[r][t], hn::ShiftLeft<4>(widen(sums[r][t])));
  }
}

// kR row vectors × kT tokens over all units.
template <int kBits, int kR, int kT>
void int8_tile(const QuantMatrix& w, const VU* weights, const float* meta, std::int64_t n,
               std::int64_t end, const Int8Rows& x, std::int64_t t0, float* y,
               std::int64_t y_stride, const Epilogue& epilogue) {
  const DF d;
  const std::int64_t units = w.cols / kUnit, groups = w.cols / w.group;
  const std::int64_t units_per_group = w.group / kUnit;
  const std::int64_t meta_stride = groups * 2 * kLanes;  // floats from row vector to row vector
  const std::int64_t unit_stride = units * kUnitVectors<kBits>;  // vectors likewise
  const std::int8_t* values[kT];
  for (int t = 0; t < kT; ++t) values[t] = x.values + (t0 + t) * w.cols;
  VF acc[kR][kT];
  for (int r = 0; r < kR; ++r)
    for (int t = 0; t < kT; ++t) acc[r][t] = hn::Zero(d);
  std::int64_t u = 0;
  for (std::int64_t g = 0; g < groups; ++g) {
    const float* group_meta = meta + g * 2 * kLanes;
    for (std::int64_t i = 0; i < units_per_group; ++i, ++u) {
      VI sums[kR][kT];
      unit_sums<kBits, kR, kT>(weights + u * kUnitVectors<kBits>, unit_stride, values, u * kUnit,
                               sums);
      for (int r = 0; r < kR; ++r) {
        const VF scale = hn::Load(d, group_meta + r * meta_stride);
        for (int t = 0; t < kT; ++t)
          acc[r][t] =
              hn::MulAdd(hn::ConvertTo(d, sums[r][t]),
                         hn::Mul(scale, hn::Set(d, x.scales[(t0 + t) * units + u])), acc[r][t]);
      }
    }
    for (int r = 0; r < kR; ++r) {
      const VF bias = hn::Load(d, group_meta + r * meta_stride + kLanes);
      for (int t = 0; t < kT; ++t)
        acc[r][t] = hn::MulAdd(bias, hn::Set(d, x.sums[(t0 + t) * groups + g]), acc[r][t]);
    }
  }
  for (int r = 0; r < kR; ++r)
    for (int t = 0; t < kT; ++t)
      store_outputs(acc[r][t], t0 + t, n + r * kLanes, end, y, y_stride, epilogue);
}

// One token: units are unpacked into registers and used at once. The same sums in the same order.
template <int kBits>
void int8_vector(const QuantMatrix& w, const BlockRows& rows, const float* meta, std::int64_t n,
                 std::int64_t end, const Int8Rows& x, float* y, std::int64_t y_stride,
                 const Epilogue& epilogue) {
  const DF d;
  const std::int64_t groups = w.cols / w.group, units_per_group = w.group / kUnit;
  VF acc = hn::Zero(d);
  std::int64_t u = 0;
  for (std::int64_t g = 0; g < groups; ++g) {
    const VF scale = hn::Load(d, meta + g * 2 * kLanes);
    for (std::int64_t i = 0; i < units_per_group; ++i, ++u) {
      VU weights[kUnitVectors<kBits>];
      unpack_unit<kBits>(rows, u, weights);
      VI sums[1][1];
      unit_sums<kBits, 1, 1>(weights, 0, &x.values, u * kUnit, sums);
      acc = hn::MulAdd(hn::ConvertTo(d, sums[0][0]), hn::Mul(scale, hn::Set(d, x.scales[u])), acc);
    }
    acc = hn::MulAdd(hn::Load(d, meta + (g * 2 + 1) * kLanes), hn::Set(d, x.sums[g]), acc);
  }
  store_outputs(acc, 0, n, end, y, y_stride, epilogue);
}

template <int kBits>
void matmul_int8_bits(const QuantMatrix& w, std::int64_t begin, std::int64_t end, const Int8Rows& x,
                      std::int64_t tokens, float* y, std::int64_t y_stride,
                      const Epilogue& epilogue, std::byte* scratch) {
  constexpr int kR = 2, kT = HWY_TARGET == HWY_AVX3_DL ? 8 : HWY_MAX_BYTES == 64 ? 6 : 4;
  const std::int64_t units = w.cols / kUnit, groups = w.cols / w.group;
  auto* meta = reinterpret_cast<float*>(scratch);  // [kR][groups][2][kLanes]
  auto* weights = reinterpret_cast<VU*>(meta + kR * groups * 2 * kLanes);
  for (std::int64_t n = begin; n < end; n += kR * kLanes) {
    for (int r = 0; r < kR; ++r) {
      const std::int64_t first = n + r * kLanes;
      if (first >= end) break;
      const BlockRows rows = block_rows(w, first);
      float* row_meta = meta + r * groups * 2 * kLanes;
      unpack_meta(w, rows, row_meta);
      if (tokens == 1) {
        int8_vector<kBits>(w, rows, row_meta, first, end, x, y, y_stride, epilogue);
        continue;
      }
      for (std::int64_t u = 0; u < units; ++u)
        unpack_unit<kBits>(rows, u, weights + (r * units + u) * kUnitVectors<kBits>);
    }
    if (tokens == 1) continue;
    const bool both = n + kLanes < end;
    std::int64_t t = 0;
    if (both) {
      for (; t + kT <= tokens; t += kT)
        int8_tile<kBits, kR, kT>(w, weights, meta, n, end, x, t, y, y_stride, epilogue);
      for (; t + 2 <= tokens; t += 2)
        int8_tile<kBits, kR, 2>(w, weights, meta, n, end, x, t, y, y_stride, epilogue);
    }
    for (; t < tokens; ++t) {
      if (both)
        int8_tile<kBits, kR, 1>(w, weights, meta, n, end, x, t, y, y_stride, epilogue);
      else
        int8_tile<kBits, 1, 1>(w, weights, meta, n, end, x, t, y, y_stride, epilogue);
    }
  }
}

void matmul_int8(const QuantMatrix& w, std::int64_t begin, std::int64_t end, const Int8Rows& x,
                 std::int64_t tokens, float* y, std::int64_t y_stride, const Epilogue& epilogue,
                 std::byte* scratch) {
  if (w.bits == 4)
    matmul_int8_bits<4>(w, begin, end, x, tokens, y, y_stride, epilogue, scratch);
  else
    matmul_int8_bits<8>(w, begin, end, x, tokens, y, y_stride, epilogue, scratch);
}

// See Table::quantize_row. The bytes of a unit are ordered as unpack_unit orders its columns.
void quantize_row(const float* x, std::int64_t cols, int bits, int group, std::int8_t* values,
                  float* scales, float* sums) {
  const DF d;
  const std::int64_t units_per_group = group / kUnit;
  for (std::int64_t u = 0; u < cols / kUnit; ++u) {
    const float* from = x + u * kUnit;
    VF most = hn::Zero(d);
    for (std::int64_t i = 0; i < kUnit; i += kLanes)
      most = hn::Max(most, hn::Abs(hn::LoadU(d, from + i)));
    const float largest = hn::GetLane(hn::MaxOfLanes(d, most));
    // A smaller unit would have a subnormal scale and an infinite inverse: it becomes nothing.
    constexpr float kSmallest = 0x1p-119f;
    const float scale = largest < kSmallest ? 0.0f : largest / 127.0f;
    const float inverse = largest < kSmallest ? 0.0f : 127.0f / largest;
    HWY_ALIGN std::int32_t rounded[kUnit];
    for (std::int64_t i = 0; i < kUnit; i += kLanes) {
      const VI q = hn::NearestInt(hn::Mul(hn::LoadU(d, from + i), hn::Set(d, inverse)));
      hn::Store(hn::Max(hn::Min(q, hn::Set(DI(), 127)), hn::Set(DI(), -127)), DI(), rounded + i);
    }
    std::int32_t sum = 0;
    std::int8_t* to = values + u * kUnit;
    for (int i = 0; i < kUnit; ++i) {
      sum += rounded[i];
      // 4 bits: of eight columns the even ones first, then the odd ones.
      const int place = bits == 4 ? (i & ~7) + ((i & 1) << 2) + ((i & 7) >> 1) : i;
      to[place] = static_cast<std::int8_t>(rounded[i]);
    }
    scales[u] = scale;
    const float part = scale * static_cast<float>(sum);
    float& group_sum = sums[u / units_per_group];
    group_sum = u % units_per_group == 0 ? part : group_sum + part;
  }
}

}  // namespace oc::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
