// One head of attention over blocks of keys, in one pass (online softmax: Milakov and Gimelshein,
// arXiv:1805.02867). Keys lie transposed, so that scores of kLanes keys come out of one chain over
// d, and values lie straight, so that outputs come out of one chain over keys: nothing is summed
// across lanes but the softmax's denominator. Blocks lie at fixed positions of the sequence, so a
// row's result does not depend on how the rows around it were cut.
#if defined(OC_KERNELS_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OC_KERNELS_ATTENTION_INL_H_
#undef OC_KERNELS_ATTENTION_INL_H_
#else
#define OC_KERNELS_ATTENTION_INL_H_
#endif

#include <limits>

#include "kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace oc::kernels::HWY_NAMESPACE {

// Rows that share a loaded key: with kVectors of keys or values they fill the registers.
inline constexpr int kQueries = 6;
inline constexpr int kVectors = HWY_MAX_BYTES == 64 ? 4 : 2;

struct QueryTile {
  const float* q[kQueries];
  std::int64_t visible[kQueries];  // keys that a row sees, from the first on
  float largest[kQueries];
  float total[kQueries];
  float* scores;  // [kQueries, kKvBlock]
  float* out;     // [kQueries, d]
};

template <Storage kType>
HWY_INLINE VF load_kv(const void* block, std::int64_t at) {
  if constexpr (kType == Storage::kQ8) {
    const hn::Rebind<std::int8_t, DF> d8;
    const auto bytes = hn::LoadU(d8, static_cast<const std::int8_t*>(block) + at);
    return hn::ConvertTo(DF(), hn::PromoteTo(DI(), bytes));
  } else {
    return load_float(
        static_cast<const std::uint8_t*>(block) + at * (kType == Storage::kF32 ? 4 : 2), kType);
  }
}
template <Storage kType>
HWY_INLINE float load_kv_scalar(const void* block, std::int64_t at) {
  if constexpr (kType == Storage::kQ8) {
    return static_cast<const std::int8_t*>(block)[at];
  } else {
    return load_scalar(
        static_cast<const std::uint8_t*>(block) + at * (kType == Storage::kF32 ? 4 : 2), kType);
  }
}
// kQ8: scales of the block's keys [kKvBlock], then of its values [kKvBlock].
HWY_INLINE const float* block_scales(const void* block, int head_dim) {
  return reinterpret_cast<const float*>(static_cast<const std::int8_t*>(block) +
                                        2 * kKvBlock * head_dim);
}

// kQ8, one row: asks for kBytes at `at` ahead of their use; null: for nothing. A block of int8 is
// over before the hardware has seen that it is read in order: 1.7 times as fast at 3000 keys on
// Zen 4. Tried: for f16 and f32, which are near the read bandwidth without it, −20 %.
template <Storage kType, int kQ, std::int64_t kBytes>
HWY_INLINE void prefetch_kv(const void* block, std::int64_t at) {
  if constexpr (kType == Storage::kQ8 && kQ == 1) {
    if (block == nullptr) return;
    const auto* from = static_cast<const std::int8_t*>(block) + at;
    OC_UNROLL(8)
    for (std::int64_t i = 0; i < kBytes; i += 64) __builtin_prefetch(from + i);
  }
}

// scores[q, j] = Σ_c q[c] · k[c, j], kQ8: times scale[j], for all keys of the block.
template <Storage kType, int kQ, int kV>
HWY_INLINE void block_scores(const QueryTile& tile, const void* block, int head_dim) {
  const DF d;
  for (std::int64_t j = 0; j < kKvBlock; j += kV * kLanes) {
    VF acc[kQ][kV];
    OC_UNROLL(8)
    for (int q = 0; q < kQ; ++q) {
      OC_UNROLL(8)
      for (int v = 0; v < kV; ++v) acc[q][v] = hn::Zero(d);
    }
    for (int c = 0; c < head_dim; ++c) {
      VF key[kV];
      OC_UNROLL(8)
      for (int v = 0; v < kV; ++v) key[v] = load_kv<kType>(block, c * kKvBlock + j + v * kLanes);
      // The values: as many bytes behind the keys.
      prefetch_kv<kType, kQ, kV * kLanes>(block, (head_dim + c) * kKvBlock + j);
      OC_UNROLL(8)
      for (int q = 0; q < kQ; ++q) {
        const VF value = hn::Set(d, tile.q[q][c]);
        OC_UNROLL(8)
        for (int v = 0; v < kV; ++v) acc[q][v] = hn::MulAdd(key[v], value, acc[q][v]);
      }
    }
    OC_UNROLL(8)
    for (int q = 0; q < kQ; ++q) {
      OC_UNROLL(8)
      for (int v = 0; v < kV; ++v) {
        VF score = acc[q][v];
        if constexpr (kType == Storage::kQ8)
          score = hn::Mul(score, hn::LoadU(d, block_scales(block, head_dim) + j + v * kLanes));
        hn::Store(score, d, tile.scores + q * kKvBlock + j + v * kLanes);
      }
    }
  }
}

// Turns scores into weights of this block, kQ8: times the values' scales (null otherwise); returns
// the factor for what was summed before.
HWY_INLINE float block_softmax(QueryTile& tile, int q, std::int64_t visible, const float* scales) {
  const DF d;
  float* scores = tile.scores + q * kKvBlock;
  const VF hidden = hn::Set(d, -std::numeric_limits<float>::infinity());
  for (std::int64_t j = 0; j < kKvBlock; j += kLanes) {
    if (j + kLanes <= visible) continue;
    const std::int64_t rest = visible > j ? visible - j : 0;
    const auto mask = hn::FirstN(d, static_cast<std::size_t>(rest));
    hn::Store(hn::IfThenElse(mask, hn::Load(d, scores + j), hidden), d, scores + j);
  }
  VF lane_max = hidden;
  for (std::int64_t j = 0; j < kKvBlock; j += kLanes)
    lane_max = hn::Max(lane_max, hn::Load(d, scores + j));
  const float largest = hn::GetLane(hn::MaxOfLanes(d, lane_max));
  const float next = largest > tile.largest[q] ? largest : tile.largest[q];
  VF sum = hn::Zero(d);
  for (std::int64_t j = 0; j < kKvBlock; j += kLanes) {
    const VF weight = hn::Exp(d, hn::Sub(hn::Load(d, scores + j), hn::Set(d, next)));
    sum = hn::Add(sum, weight);
    hn::Store(scales == nullptr ? weight : hn::Mul(weight, hn::LoadU(d, scales + j)), d,
              scores + j);
  }
  const float factor =
      next == tile.largest[q] ? 1.0f : hn::GetLane(hn::Exp(d, hn::Set(d, tile.largest[q] - next)));
  tile.total[q] = tile.total[q] * factor + hn::GetLane(hn::SumOfLanes(d, sum));
  tile.largest[q] = next;
  return factor;
}

// out[q, c] = out[q, c] · factor[q] + Σ_j weight[q, j] · v[j, c] over the block's first `keys`
// keys, for kV vectors of c. next: the block after it, or null.
template <Storage kType, int kQ, int kV>
HWY_INLINE void block_columns(const QueryTile& tile, const void* block, const void* next,
                              int head_dim, std::int64_t c, std::int64_t keys,
                              const float* factor) {
  const DF d;
  const std::int64_t values = std::int64_t{head_dim} * kKvBlock + c;  // behind the keys
  VF acc[kQ][kV];
  OC_UNROLL(8)
  for (int q = 0; q < kQ; ++q) {
    OC_UNROLL(8)
    for (int v = 0; v < kV; ++v)
      acc[q][v] =
          hn::Mul(hn::LoadU(d, tile.out + q * head_dim + c + v * kLanes), hn::Set(d, factor[q]));
  }
  for (std::int64_t j = 0; j < keys; ++j) {
    VF value[kV];
    OC_UNROLL(8)
    for (int v = 0; v < kV; ++v)
      value[v] = load_kv<kType>(block, values + j * head_dim + v * kLanes);
    prefetch_kv<kType, kQ, kV * kLanes>(next, j * head_dim + c);
    OC_UNROLL(8)
    for (int q = 0; q < kQ; ++q) {
      const VF weight = hn::Set(d, tile.scores[q * kKvBlock + j]);
      OC_UNROLL(8)
      for (int v = 0; v < kV; ++v) acc[q][v] = hn::MulAdd(weight, value[v], acc[q][v]);
    }
  }
  OC_UNROLL(8)
  for (int q = 0; q < kQ; ++q) {
    OC_UNROLL(8)
    for (int v = 0; v < kV; ++v) hn::StoreU(acc[q][v], d, tile.out + q * head_dim + c + v * kLanes);
  }
}

template <Storage kType, int kQ>
HWY_INLINE void block_values(const QueryTile& tile, const void* block, const void* next,
                             int head_dim, std::int64_t keys, const float* factor) {
  std::int64_t c = 0;
  // As many vectors at once as there are registers for; three where that comes out even (d = 96).
  // One row alone needs as many sums as products are under way.
  if constexpr (kQ == 1)
    for (; c + 6 * kLanes <= head_dim; c += 6 * kLanes)
      block_columns<kType, kQ, 6>(tile, block, next, head_dim, c, keys, factor);
  if (kVectors == 4 && head_dim % (3 * kLanes) == 0)
    for (; c + 3 * kLanes <= head_dim; c += 3 * kLanes)
      block_columns<kType, kQ, 3>(tile, block, next, head_dim, c, keys, factor);
  for (; c + kVectors * kLanes <= head_dim; c += kVectors * kLanes)
    block_columns<kType, kQ, kVectors>(tile, block, next, head_dim, c, keys, factor);
  for (; c + kLanes <= head_dim; c += kLanes)
    block_columns<kType, kQ, 1>(tile, block, next, head_dim, c, keys, factor);
  const std::int64_t values = std::int64_t{head_dim} * kKvBlock;
  for (; c < head_dim; ++c)
    for (int q = 0; q < kQ; ++q) {
      float acc = tile.out[q * head_dim + c] * factor[q];
      for (std::int64_t j = 0; j < keys; ++j)
        acc +=
            tile.scores[q * kKvBlock + j] * load_kv_scalar<kType>(block, values + j * head_dim + c);
      tile.out[q * head_dim + c] = acc;
    }
}

// kQ rows from `first` on; a short last tile repeats the last row.
template <Storage kType, int kQ>
HWY_NOINLINE void attention_tile(const AttentionHead& head, std::int64_t first,
                                 std::byte* scratch) {
  const int d = head.head_dim;
  QueryTile tile;
  tile.scores = reinterpret_cast<float*>(scratch);
  tile.out = tile.scores + kQueries * kKvBlock;
  std::int64_t max_visible = 0;
  for (int q = 0; q < kQ; ++q) {
    const std::int64_t row = first + q < head.rows ? first + q : head.rows - 1;
    tile.q[q] = head.q + row * head.q_stride;
    tile.visible[q] = head.first_visible + row * head.step;
    if (tile.visible[q] > max_visible) max_visible = tile.visible[q];
    tile.largest[q] = -std::numeric_limits<float>::infinity();
    tile.total[q] = 0;
  }
  std::memset(tile.out, 0, static_cast<std::size_t>(kQ * d) * sizeof(float));
  for (std::int64_t b = 0; b * kKvBlock < max_visible; ++b) {
    // One row alone waits for its sums' latency unless it has more of them.
    constexpr int kScoreVectors = kQ == 1 ? static_cast<int>(kKvBlock / kLanes) : kVectors;
    block_scores < kType, kQ, kScoreVectors<8 ? kScoreVectors : 8>(tile, head.blocks[b], d);
    float factor[kQ];
    const float* scales =
        kType == Storage::kQ8 ? block_scales(head.blocks[b], d) + kKvBlock : nullptr;
    std::int64_t keys = 0;
    for (int q = 0; q < kQ; ++q) {
      const std::int64_t rest = tile.visible[q] - b * kKvBlock;
      const std::int64_t visible = rest < 0 ? 0 : rest > kKvBlock ? kKvBlock : rest;
      factor[q] = block_softmax(tile, q, visible, scales);
      if (visible > keys) keys = visible;
    }
    const void* next = (b + 1) * kKvBlock < max_visible ? head.blocks[b + 1] : nullptr;
    block_values<kType, kQ>(tile, head.blocks[b], next, d, keys, factor);
  }
  for (int q = 0; q < kQ && first + q < head.rows; ++q) {
    float* to = head.out + (first + q) * head.out_stride;
    // Keys that only neighbours see turn an underflown -0 into +0; without them it is done here.
    for (int c = 0; c < d; ++c) to[c] = tile.out[q * d + c] / tile.total[q] + 0.0f;
  }
}

template <Storage kType>
void attention_typed(const AttentionHead& head, std::byte* scratch) {
  std::int64_t row = 0;
  for (; head.rows - row > 3; row += kQueries) attention_tile<kType, kQueries>(head, row, scratch);
  if (head.rows - row == 3) return attention_tile<kType, 3>(head, row, scratch);
  for (; row < head.rows; ++row) attention_tile<kType, 1>(head, row, scratch);
}

void attention(const AttentionHead& head, std::byte* scratch) {
  if (head.type == Storage::kF32)
    attention_typed<Storage::kF32>(head, scratch);
  else if (head.type == Storage::kF16)
    attention_typed<Storage::kF16>(head, scratch);
  else
    attention_typed<Storage::kQ8>(head, scratch);
}

// See Table::to_q8.
float to_q8(const float* x, std::int64_t count, std::int8_t* y, std::int64_t stride) {
  const DF d;
  HWY_ALIGN float few[kLanes] = {};  // the last columns, and zeros
  const std::int64_t whole = count / kLanes * kLanes, rest = count - whole;
  std::memcpy(few, x + whole, static_cast<std::size_t>(rest) * sizeof(float));
  VF lane_max = hn::Abs(hn::Load(d, few));
  for (std::int64_t i = 0; i < whole; i += kLanes)
    lane_max = hn::Max(lane_max, hn::Abs(hn::LoadU(d, x + i)));
  const float largest = hn::GetLane(hn::MaxOfLanes(d, lane_max));
  // Anything smaller would have a subnormal scale and an infinite inverse: it becomes nothing.
  constexpr float kSmallest = 0x1p-119f;
  const VF inverse = hn::Set(d, largest < kSmallest ? 0.0f : 127.0f / largest);
  HWY_ALIGN std::int32_t rounded[kLanes];
  for (std::int64_t i = 0; i < count; i += kLanes) {
    const VF values = i < whole ? hn::LoadU(d, x + i) : hn::Load(d, few);
    const VI nearest = hn::NearestInt(hn::Mul(values, inverse));
    hn::Store(hn::Max(hn::Min(nearest, hn::Set(DI(), 127)), hn::Set(DI(), -127)), DI(), rounded);
    const std::int64_t lanes = i < whole ? kLanes : rest;
    for (std::int64_t k = 0; k < lanes; ++k)
      y[(i + k) * stride] = static_cast<std::int8_t>(rounded[k]);
  }
  return largest < kSmallest ? 0.0f : largest / 127.0f;
}

}  // namespace oc::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
