// One head of full attention (no mask, no cache) with 16-bit integer products: twice the products
// of float32 in an instruction, and finer than bfloat16 (12 and 14 bits of each number). Scores are
// exact sums of integers, the softmax takes the largest of them first (two passes over a row of
// scores), and weights are integers that sum to what they are divided by, so a row's result depends
// on nothing but its query, the keys and the values.
#if defined(OC_KERNELS_ATTENTION_INT16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OC_KERNELS_ATTENTION_INT16_INL_H_
#undef OC_KERNELS_ATTENTION_INT16_INL_H_
#else
#define OC_KERNELS_ATTENTION_INT16_INL_H_
#endif

#include <limits>

#include "kernels/dot-inl.h"
#include "kernels/full_attention.h"
#include "kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace oc::kernels::HWY_NAMESPACE {

// Rows that share a loaded key, and vectors of keys: their sums fill the registers.
inline constexpr int kFullRows = FullAttentionScratch::kRows;
inline constexpr int kFullVectors = HWY_MAX_BYTES == 64 ? 4 : 2;

// The first `count` (at most kLanes) of x, then zeros.
HWY_INLINE VF load_first(const float* x, std::int64_t count) {
  const DF d;
  if (count >= kLanes) return hn::LoadU(d, x);
  HWY_ALIGN float few[kLanes] = {};
  std::memcpy(few, x, static_cast<std::size_t>(count) * sizeof(float));
  return hn::Load(d, few);
}

// round half even(x · inverse) within ±limit
HWY_INLINE VI to_integers(VF x, VF inverse, VI limit) {
  const VI nearest = hn::NearestInt(hn::Mul(x, inverse));
  return hn::Max(hn::Min(nearest, limit), hn::Neg(limit));
}

// The scale at which the largest of some numbers becomes `limit`. Where the largest is below 2^-100
// the inverse would be infinite: all become 0.
struct IntegerScale {
  float scale = 0, inverse = 0;
};
HWY_INLINE IntegerScale integer_scale(float largest, int limit) {
  if (!(largest >= 0x1p-100f)) return {};
  return {largest / static_cast<float>(limit), static_cast<float>(limit) / largest};
}

// Integers of x[d] as pairs of 16 bits, a dword each; pairs after the last are 0.
HWY_INLINE void row_to_pairs(const float* x, int head_dim, float inverse, int limit,
                             std::int16_t* y, std::int64_t padded) {
  const hn::Rebind<std::int16_t, DF> d16;
  const VF factor = hn::Set(DF(), inverse);
  const VI limits = hn::Set(DI(), limit);
  std::int64_t c = 0;
  for (; c < head_dim; c += kLanes) {
    const VI whole = to_integers(load_first(x + c, head_dim - c), factor, limits);
    hn::StoreU(hn::DemoteTo(d16, whole), d16, y + c);
  }
  for (; c < padded; c += kLanes) hn::StoreU(hn::Zero(d16), d16, y + c);
}

HWY_INLINE float largest_of_row(const float* x, int head_dim) {
  VF lane_max = hn::Zero(DF());
  for (std::int64_t c = 0; c < head_dim; c += kLanes)
    lane_max = hn::Max(lane_max, hn::Abs(load_first(x + c, head_dim - c)));
  return hn::GetLane(hn::MaxOfLanes(DF(), lane_max));
}

// Keys as [keys/kLanes, pairs, kLanes] dwords, so that scores of kLanes keys come out of one chain
// over pairs. Returns their scale, one for the head.
HWY_NOINLINE float pack_keys(const FullAttention& head, const FullAttentionScratch& at) {
  const DF d;
  const std::int64_t last = head.head_dim / kLanes * kLanes;
  VF lane_max = hn::Zero(d);
  for (std::int64_t j = 0; j < head.keys; ++j) {
    const float* key = head.k + j * head.stride;
    for (std::int64_t c = 0; c < last; c += kLanes)
      lane_max = hn::Max(lane_max, hn::Abs(hn::LoadU(d, key + c)));
    if (last < head.head_dim)
      lane_max = hn::Max(lane_max, hn::Abs(load_first(key + last, head.head_dim - last)));
  }
  const int limit = at.limit;
  const IntegerScale scale = integer_scale(hn::GetLane(hn::MaxOfLanes(d, lane_max)), limit);
  auto* rows = reinterpret_cast<std::int16_t*>(at.lines);
  for (std::int64_t j = 0; j < head.keys; j += kLanes) {
    for (std::int64_t r = 0; r < kLanes; ++r) {
      std::int16_t* row = rows + r * 2 * at.padded_pairs;
      if (j + r < head.keys)
        row_to_pairs(head.k + (j + r) * head.stride, head.head_dim, scale.inverse, limit, row,
                     2 * at.padded_pairs);
      else
        std::memset(row, 0, static_cast<std::size_t>(at.padded_pairs) * 4);
    }
    std::uint32_t* to = at.keys + j * at.pairs;
    for (std::int64_t p = 0; p < at.pairs; p += kLanes) {
      VU turned[kLanes];
      transpose_line(reinterpret_cast<const std::uint8_t*>(rows) + p * 4, at.padded_pairs * 4,
                     turned);
      const std::int64_t count = at.pairs - p < kLanes ? at.pairs - p : kLanes;
      for (std::int64_t i = 0; i < count; ++i) hn::StoreU(turned[i], DU(), to + (p + i) * kLanes);
    }
  }
  return scale.scale;
}

// Values as [keys/2, columns] dwords, a channel of two keys each, so that outputs come out of one
// chain over keys; one scale a channel.
HWY_NOINLINE void pack_values(const FullAttention& head, const FullAttentionScratch& at) {
  const DF d;
  const DI di;
  const VI limit = hn::Set(di, kValueLimit), low = hn::Set(di, 0xffff);
  for (std::int64_t c = 0; c < at.columns; c += kLanes) {
    const std::int64_t count = head.head_dim - c;
    if (count <= 0) {
      for (std::int64_t j = 0; j < head.keys; j += 2)
        hn::StoreU(hn::Zero(DU()), DU(), at.values + j / 2 * at.columns + c);
      continue;
    }
    const float* values = head.v + c;
    VF lane_max = hn::Zero(d);
    for (std::int64_t j = 0; j < head.keys; ++j)
      lane_max = hn::Max(lane_max, hn::Abs(load_first(values + j * head.stride, count)));
    HWY_ALIGN float largest[kLanes];
    HWY_ALIGN float inverse[kLanes];
    hn::Store(lane_max, d, largest);
    for (std::int64_t i = 0; i < kLanes; ++i) {
      const IntegerScale scale = integer_scale(largest[i], kValueLimit);
      at.value_scales[c + i] = scale.scale;
      inverse[i] = scale.inverse;
    }
    const VF factor = hn::Load(d, inverse);
    for (std::int64_t j = 0; j < head.keys; j += 2) {
      const VI even = to_integers(load_first(values + j * head.stride, count), factor, limit);
      const VI odd =
          j + 1 < head.keys
              ? to_integers(load_first(values + (j + 1) * head.stride, count), factor, limit)
              : hn::Zero(di);
      const VI both = hn::Or(hn::And(even, low), hn::ShiftLeft<16>(odd));
      hn::StoreU(hn::BitCast(DU(), both), DU(), at.values + j / 2 * at.columns + c);
    }
  }
}

// scores[q, j] = Σ_c q[c] · k[c, j] for kV vectors of keys from vector `first` on.
template <int kQ, int kV>
HWY_INLINE void full_scores(const FullAttentionScratch& at, std::int64_t first) {
  const DI d;
  VI acc[kQ][kV];
  OC_UNROLL(8)
  for (int q = 0; q < kQ; ++q) {
    OC_UNROLL(8)
    for (int v = 0; v < kV; ++v) acc[q][v] = hn::Zero(d);
  }
  const std::uint32_t* keys = at.keys + first * at.pairs * kLanes;
  for (std::int64_t p = 0; p < at.pairs; ++p) {
    VI key[kV];
    OC_UNROLL(8)
    for (int v = 0; v < kV; ++v)
      key[v] = hn::BitCast(d, hn::LoadU(DU(), keys + (v * at.pairs + p) * kLanes));
    OC_UNROLL(8)
    for (int q = 0; q < kQ; ++q) {
      const VI pair = hn::Set(d, at.queries[q * at.padded_pairs + p]);
      OC_UNROLL(8)
      for (int v = 0; v < kV; ++v) acc[q][v] = dot_pairs(acc[q][v], key[v], pair);
    }
  }
  OC_UNROLL(8)
  for (int q = 0; q < kQ; ++q) {
    OC_UNROLL(8)
    for (int v = 0; v < kV; ++v)
      hn::StoreU(acc[q][v], d, at.scores + q * at.padded_keys + (first + v) * kLanes);
  }
}

// 2^x · kWeightLimit for x <= 0, as an integer; under 2^-24 it is 0. A polynomial of degree 4 on
// [-1/2, 1/2], fitted by random descent: within 3e-6 of the value. Adding 1.5 · 2^23 rounds to a
// whole number, half to even, and leaves it in the low bits.
HWY_INLINE VI weight_of(VF x) {
  const DF d;
  const DI di;
  constexpr float kOne = kWeightLimit;
  const VF magic = hn::Set(d, 12582912.0f);
  x = hn::Max(x, hn::Set(d, -24.0f));
  const VF whole = hn::Add(x, magic);
  const VF part = hn::Sub(x, hn::Sub(whole, magic));
  VF power = hn::Set(d, 0.00959851f * kOne);
  power = hn::MulAdd(power, part, hn::Set(d, 0.05592699f * kOne));
  power = hn::MulAdd(power, part, hn::Set(d, 0.24024266f * kOne));
  power = hn::MulAdd(power, part, hn::Set(d, 0.69312068f * kOne));
  power = hn::MulAdd(power, part, hn::Set(d, 0.99999934f * kOne));
  const VI scaled = hn::Add(hn::BitCast(di, power), hn::ShiftLeft<23>(hn::BitCast(di, whole)));
  const VI rounded = hn::BitCast(di, hn::Add(hn::BitCast(d, scaled), magic));
  return hn::Sub(rounded, hn::BitCast(di, magic));
}

// Scores of a row become weights of 16 bits; factor: of a score's integer, to the base 2. Returns
// their sum.
HWY_INLINE float full_softmax(const FullAttentionScratch& at, int q, std::int64_t keys,
                              float factor) {
  const DF d;
  const DI di;
  const hn::Rebind<std::int16_t, DF> d16;
  const std::int32_t* scores = at.scores + q * at.padded_keys;
  std::int16_t* weights = at.weights + q * at.padded_keys;
  const std::int64_t whole = keys / kLanes * kLanes;
  const auto mask = hn::FirstN(di, static_cast<std::size_t>(keys - whole));
  VI lane_max = hn::Set(di, std::numeric_limits<std::int32_t>::min());
  for (std::int64_t j = 0; j < whole; j += kLanes)
    lane_max = hn::Max(lane_max, hn::LoadU(di, scores + j));
  if (whole < keys)
    lane_max = hn::Max(lane_max, hn::IfThenElse(mask, hn::LoadU(di, scores + whole), lane_max));
  lane_max = hn::MaxOfLanes(di, lane_max);
  const VF scale = hn::Set(d, factor);
  VI sum = hn::Zero(di);
  const auto weight_at = [&](std::int64_t j) HWY_ATTR {
    const VI below = hn::Sub(hn::LoadU(di, scores + j), lane_max);
    return weight_of(hn::Mul(hn::ConvertTo(d, below), scale));
  };
  for (std::int64_t j = 0; j < whole; j += kLanes) {
    const VI weight = weight_at(j);
    sum = hn::Add(sum, weight);
    hn::StoreU(hn::DemoteTo(d16, weight), d16, weights + j);
  }
  if (whole < keys) {
    const VI weight = hn::IfThenElseZero(mask, weight_at(whole));
    sum = hn::Add(sum, weight);
    hn::StoreU(hn::DemoteTo(d16, weight), d16, weights + whole);
  }
  return static_cast<float>(hn::GetLane(hn::SumOfLanes(di, sum)));
}

// out[q, c] = Σ_j weight[q, j] · v[j, c] for kV vectors of channels; exact within a block of keys.
template <int kQ, int kV>
HWY_INLINE void full_values(const FullAttentionScratch& at, std::int64_t keys, std::int64_t c,
                            float* out) {
  const DF d;
  const DI di;
  const std::int64_t pairs = (keys + 1) / 2;
  for (std::int64_t from = 0; from < pairs; from += kKvBlock / 2) {
    const std::int64_t to = from + kKvBlock / 2 < pairs ? from + kKvBlock / 2 : pairs;
    VI acc[kQ][kV];
    OC_UNROLL(8)
    for (int q = 0; q < kQ; ++q) {
      OC_UNROLL(8)
      for (int v = 0; v < kV; ++v) acc[q][v] = hn::Zero(di);
    }
    for (std::int64_t j = from; j < to; ++j) {
      VI value[kV];
      OC_UNROLL(8)
      for (int v = 0; v < kV; ++v)
        value[v] = hn::BitCast(di, hn::LoadU(DU(), at.values + j * at.columns + c + v * kLanes));
      OC_UNROLL(8)
      for (int q = 0; q < kQ; ++q) {
        std::int32_t pair;
        std::memcpy(&pair, at.weights + q * at.padded_keys + 2 * j, 4);
        const VI weights = hn::Set(di, pair);
        OC_UNROLL(8)
        for (int v = 0; v < kV; ++v) acc[q][v] = dot_pairs(acc[q][v], value[v], weights);
      }
    }
    OC_UNROLL(8)
    for (int q = 0; q < kQ; ++q) {
      OC_UNROLL(8)
      for (int v = 0; v < kV; ++v) {
        float* sums = out + q * at.columns + c + v * kLanes;
        const VF part = hn::ConvertTo(d, acc[q][v]);
        hn::StoreU(from == 0 ? part : hn::Add(hn::LoadU(d, sums), part), d, sums);
      }
    }
  }
}

// kQ rows from `first` on; a short last tile repeats the last row.
template <int kQ>
HWY_NOINLINE void full_tile(const FullAttention& head, const FullAttentionScratch& at,
                            float key_scale, std::int64_t first) {
  const DF d;
  float total[kQ], factor[kQ];
  for (int q = 0; q < kQ; ++q) {
    const std::int64_t row = first + q < head.end ? first + q : head.end - 1;
    const float* query = head.q + row * head.stride;
    const IntegerScale scale = integer_scale(largest_of_row(query, head.head_dim), at.limit);
    row_to_pairs(query, head.head_dim, scale.inverse, at.limit,
                 reinterpret_cast<std::int16_t*>(at.queries + q * at.padded_pairs),
                 2 * at.padded_pairs);
    factor[q] = scale.scale * key_scale * (head.scale * 1.44269504f);
  }
  const std::int64_t vectors = (head.keys + kLanes - 1) / kLanes;
  std::int64_t v = 0;
  for (; v + kFullVectors <= vectors; v += kFullVectors) full_scores<kQ, kFullVectors>(at, v);
  for (; v < vectors; ++v) full_scores<kQ, 1>(at, v);
  for (int q = 0; q < kQ; ++q) total[q] = full_softmax(at, q, head.keys, factor[q]);
  std::int64_t c = 0;
  for (; c + kFullVectors * kLanes <= at.columns; c += kFullVectors * kLanes)
    full_values<kQ, kFullVectors>(at, head.keys, c, at.sums);
  for (; c < head.head_dim; c += kLanes) full_values<kQ, 1>(at, head.keys, c, at.sums);
  for (int q = 0; q < kQ && first + q < head.end; ++q) {
    float* sums = at.sums + q * at.columns;
    const VF part = hn::Set(d, 1.0f / total[q]);
    for (std::int64_t i = 0; i < head.head_dim; i += kLanes)
      hn::StoreU(hn::Mul(hn::Mul(hn::LoadU(d, sums + i), hn::LoadU(d, at.value_scales + i)), part),
                 d, sums + i);
    std::memcpy(head.out + (first + q) * head.out_stride, sums,
                static_cast<std::size_t>(head.head_dim) * sizeof(float));
  }
}

// See Table::full_attention.
void full_attention(const FullAttention& head, std::byte* scratch) {
  const FullAttentionScratch at(head.keys, head.head_dim, scratch);
  const float key_scale = pack_keys(head, at);
  pack_values(head, at);
  std::int64_t row = head.begin;
  for (; head.end - row > 2; row += kFullRows) full_tile<kFullRows>(head, at, key_scale, row);
  for (; row < head.end; ++row) full_tile<1>(head, at, key_scale, row);
}

}  // namespace oc::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
