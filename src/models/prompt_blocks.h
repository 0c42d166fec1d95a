// Indivisible blocks of a prompt: positions that attend to each other in both directions, so that
// they are computed in one step or not at all. A causal model's prompts have none.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace oc {

// Positions [begin, end) of a sequence.
struct TokenRange {
  std::int64_t begin = 0, end = 0;
  bool operator==(const TokenRange&) const = default;
};

// In order, none empty, none over another, all within `tokens`: OC_CHECK, a model's promise.
void check_blocks(std::span<const TokenRange> blocks, std::int64_t tokens);

// Where a step ends that begins at `from`, outside every block, and may have `limit` tokens of a
// sequence of `total`: never inside a block. Only a block that is longer than `limit` and begins at
// `from` makes it longer.
std::int64_t end_of_step(std::span<const TokenRange> blocks, std::int64_t from, std::int64_t limit,
                         std::int64_t total);

// Of two sequences whose first `tokens` tokens are equal: how many of these have equal keys and
// values. Fewer where a block of either would be divided, or is no block of the other.
std::int64_t undivided_prefix(std::span<const TokenRange> a, std::span<const TokenRange> b,
                              std::int64_t tokens);

}  // namespace oc
