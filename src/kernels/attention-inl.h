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

inline constexpr int kQueries = 4;  // rows that share a loaded key

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
  return load_float(static_cast<const std::uint8_t*>(block) + at * (kType == Storage::kF32 ? 4 : 2),
                    kType);
}
template <Storage kType>
HWY_INLINE float load_kv_scalar(const void* block, std::int64_t at) {
  return load_scalar(
      static_cast<const std::uint8_t*>(block) + at * (kType == Storage::kF32 ? 4 : 2), kType);
}

// scores[q, j] = Σ_c q[c] · k[c, j] for all keys of the block.
template <Storage kType>
HWY_INLINE void block_scores(const QueryTile& tile, const void* block, int head_dim) {
  const DF d;
  constexpr int kVectors = 2;
  for (std::int64_t j = 0; j < kKvBlock; j += kVectors * kLanes) {
    VF acc[kQueries][kVectors];
    for (int q = 0; q < kQueries; ++q)
      for (int v = 0; v < kVectors; ++v) acc[q][v] = hn::Zero(d);
    for (int c = 0; c < head_dim; ++c) {
      VF key[kVectors];
      for (int v = 0; v < kVectors; ++v)
        key[v] = load_kv<kType>(block, c * kKvBlock + j + v * kLanes);
      for (int q = 0; q < kQueries; ++q) {
        const VF value = hn::Set(d, tile.q[q][c]);
        for (int v = 0; v < kVectors; ++v) acc[q][v] = hn::MulAdd(key[v], value, acc[q][v]);
      }
    }
    for (int q = 0; q < kQueries; ++q)
      for (int v = 0; v < kVectors; ++v)
        hn::Store(acc[q][v], d, tile.scores + q * kKvBlock + j + v * kLanes);
  }
}

// Turns scores into weights of this block; returns the factor for what was summed before.
HWY_INLINE float block_softmax(QueryTile& tile, int q, std::int64_t visible) {
  const DF d;
  float* scores = tile.scores + q * kKvBlock;
  const VF hidden = hn::Set(d, -std::numeric_limits<float>::infinity());
  for (std::int64_t j = 0; j < kKvBlock; j += kLanes) {
    if (j + kLanes <= visible) continue;
    const std::int64_t rest = visible > j ? visible - j : 0;
    const auto mask = hn::FirstN(d, static_cast<std::size_t>(rest));
    hn::Store(hn::IfThenElse(mask, hn::Load(d, scores + j), hidden), d, scores + j);
  }
  VF most = hidden;
  for (std::int64_t j = 0; j < kKvBlock; j += kLanes) most = hn::Max(most, hn::Load(d, scores + j));
  const float largest = hn::GetLane(hn::MaxOfLanes(d, most));
  const float next = largest > tile.largest[q] ? largest : tile.largest[q];
  VF sum = hn::Zero(d);
  for (std::int64_t j = 0; j < kKvBlock; j += kLanes) {
    const VF weight = hn::Exp(d, hn::Sub(hn::Load(d, scores + j), hn::Set(d, next)));
    hn::Store(weight, d, scores + j);
    sum = hn::Add(sum, weight);
  }
  const float factor =
      next == tile.largest[q] ? 1.0f : hn::GetLane(hn::Exp(d, hn::Set(d, tile.largest[q] - next)));
  tile.total[q] = tile.total[q] * factor + hn::GetLane(hn::SumOfLanes(d, sum));
  tile.largest[q] = next;
  return factor;
}

// out[q, c] = out[q, c] · factor[q] + Σ_j weight[q, j] · v[j, c] over the block's first `keys`
// keys.
template <Storage kType>
HWY_INLINE void block_values(const QueryTile& tile, const void* block, int head_dim,
                             std::int64_t keys, const float* factor) {
  const DF d;
  const std::int64_t values = std::int64_t{head_dim} * kKvBlock;  // behind the keys
  std::int64_t c = 0;
  for (; c + kLanes <= head_dim; c += kLanes) {
    VF acc[kQueries];
    for (int q = 0; q < kQueries; ++q)
      acc[q] = hn::Mul(hn::LoadU(d, tile.out + q * head_dim + c), hn::Set(d, factor[q]));
    for (std::int64_t j = 0; j < keys; ++j) {
      const VF value = load_kv<kType>(block, values + j * head_dim + c);
      for (int q = 0; q < kQueries; ++q)
        acc[q] = hn::MulAdd(hn::Set(d, tile.scores[q * kKvBlock + j]), value, acc[q]);
    }
    for (int q = 0; q < kQueries; ++q) hn::StoreU(acc[q], d, tile.out + q * head_dim + c);
  }
  for (; c < head_dim; ++c)
    for (int q = 0; q < kQueries; ++q) {
      float acc = tile.out[q * head_dim + c] * factor[q];
      for (std::int64_t j = 0; j < keys; ++j)
        acc +=
            tile.scores[q * kKvBlock + j] * load_kv_scalar<kType>(block, values + j * head_dim + c);
      tile.out[q * head_dim + c] = acc;
    }
}

template <Storage kType>
void attention_typed(const AttentionHead& head, std::byte* scratch) {
  const int d = head.head_dim;
  QueryTile tile;
  tile.scores = reinterpret_cast<float*>(scratch);
  tile.out = tile.scores + kQueries * kKvBlock;
  for (std::int64_t first = 0; first < head.rows; first += kQueries) {
    std::int64_t most_visible = 0;
    for (int q = 0; q < kQueries; ++q) {  // a short last tile repeats the last row
      const std::int64_t row = first + q < head.rows ? first + q : head.rows - 1;
      tile.q[q] = head.q + row * head.q_stride;
      tile.visible[q] = head.first_visible + row * head.step;
      if (tile.visible[q] > most_visible) most_visible = tile.visible[q];
      tile.largest[q] = -std::numeric_limits<float>::infinity();
      tile.total[q] = 0;
    }
    std::memset(tile.out, 0, static_cast<std::size_t>(kQueries * d) * sizeof(float));
    for (std::int64_t b = 0; b * kKvBlock < most_visible; ++b) {
      block_scores<kType>(tile, head.blocks[b], d);
      float factor[kQueries];
      std::int64_t keys = 0;
      for (int q = 0; q < kQueries; ++q) {
        const std::int64_t rest = tile.visible[q] - b * kKvBlock;
        const std::int64_t visible = rest < 0 ? 0 : rest > kKvBlock ? kKvBlock : rest;
        factor[q] = block_softmax(tile, q, visible);
        if (visible > keys) keys = visible;
      }
      block_values<kType>(tile, head.blocks[b], d, keys, factor);
    }
    for (int q = 0; q < kQueries && first + q < head.rows; ++q) {
      float* to = head.out + (first + q) * head.out_stride;
      // Keys that only neighbours see turn an underflown -0 into +0; without them it is done here.
      for (int c = 0; c < d; ++c) to[c] = tile.out[q * d + c] / tile.total[q] + 0.0f;
    }
  }
}

void attention(const AttentionHead& head, std::byte* scratch) {
  if (head.type == Storage::kF32)
    attention_typed<Storage::kF32>(head, scratch);
  else
    attention_typed<Storage::kF16>(head, scratch);
}

}  // namespace oc::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard per target
