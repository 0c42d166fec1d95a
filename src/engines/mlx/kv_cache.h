// Keys and values on MLX: an array a layer and side, [1, G, capacity, d], grown by blocks. Arrays
// are values: a step's slice_update writes in place where nobody else holds the buffer, and copies
// it where a fork does.
#pragma once

#include <mlx/array.h>
#include <mlx/stream.h>

#include <optional>
#include <vector>

#include "engines/mlx/arrays.h"
#include "ops/kv_cache.h"

namespace oc {

constexpr std::int64_t kMlxKvBlock = 128;  // tokens

class MlxSequence final : public KvSequence {
 public:
  // The stream must outlive the sequence's last step, not the sequence.
  MlxSequence(const KvSpec& spec, mx::Stream stream);

  std::int64_t length() const override { return length_; }
  void advance(std::int64_t tokens) override { length_ += tokens; }
  void truncate(std::int64_t tokens) override;
  std::unique_ptr<KvSequence> fork(std::int64_t tokens) const override;
  std::size_t bytes() const override;

  struct Pair {
    mx::array keys, values;  // [1, G, n, d]
  };
  // Writes a layer's rows [position, position + n) and returns all rows up to there.
  Pair append(int layer, std::int64_t position, const mx::array& keys, const mx::array& values);

  const KvSpec& spec() const { return spec_; }

 private:
  mx::array grown(const mx::array& buffer, std::int64_t capacity) const;
  void keep(std::int64_t tokens);

  KvSpec spec_;
  mx::Stream stream_;
  std::int64_t length_ = 0;
  std::vector<std::optional<Pair>> layers_;
};

}  // namespace oc
