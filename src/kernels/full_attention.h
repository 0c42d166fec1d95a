// What the int16 attention of all targets shares: how many bits its integers have, and where its
// pieces lie in the caller's scratch.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace oc::kernels {

// Integers of queries and keys, so that d products of two stay under 2^30 and differences of two
// scores under 2^31.
inline int score_limit(int head_dim) {
  const double limit = std::sqrt(static_cast<double>((1 << 30) - 1) / head_dim);
  return limit < 32767 ? static_cast<int>(limit) : 32767;
}
// Of weights (the largest of a row) and values: kKvBlock products stay under 2^31.
inline constexpr int kWeightLimit = 16383, kValueLimit = 2047;

struct FullAttentionScratch {
  static constexpr int kRows = 6, kMaxLanes = 16;

  // scratch null: only `bytes` counts.
  FullAttentionScratch(std::int64_t key_count, int head_dim, std::byte* scratch)
      : limit(score_limit(head_dim)) {
    pairs = (head_dim + 1) / 2;
    padded_pairs = up(pairs);
    columns = up(head_dim);
    padded_keys = up(key_count);
    keys = take<std::uint32_t>(scratch, padded_keys * pairs);
    values = take<std::uint32_t>(scratch, (key_count + 1) / 2 * columns);
    value_scales = take<float>(scratch, columns);
    lines = take<std::uint32_t>(scratch, kMaxLanes * padded_pairs);
    queries = take<std::int32_t>(scratch, kRows * padded_pairs);
    scores = take<std::int32_t>(scratch, kRows * padded_keys);
    weights = take<std::int16_t>(scratch, kRows * padded_keys);
    sums = take<float>(scratch, kRows * columns);
  }

  int limit;                          // of queries and keys
  std::int64_t pairs, padded_pairs;   // of channels: d/2, and for whole vectors
  std::int64_t columns, padded_keys;  // d and the keys, for whole vectors
  std::uint32_t* keys;                // [padded_keys / lanes, pairs, lanes]
  std::uint32_t* values;              // [keys / 2, columns]
  float* value_scales;                // [columns]
  std::uint32_t* lines;               // [lanes, padded_pairs]: keys on their way
  std::int32_t* queries;              // [kRows, padded_pairs]
  std::int32_t* scores;               // [kRows, padded_keys]
  std::int16_t* weights;              // [kRows, padded_keys]
  float* sums;                        // [kRows, columns]
  std::size_t bytes = 0;              // of all

 private:
  static constexpr std::int64_t up(std::int64_t count) {
    return (count + kMaxLanes - 1) / kMaxLanes * kMaxLanes;
  }
  template <typename T>
  T* take(std::byte* scratch, std::int64_t count) {
    std::byte* out = scratch == nullptr ? nullptr : scratch + bytes;
    bytes += (static_cast<std::size_t>(count) * sizeof(T) + 63) / 64 * 64;
    return reinterpret_cast<T*>(out);
  }
};

}  // namespace oc::kernels
