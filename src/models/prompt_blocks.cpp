#include "models/prompt_blocks.h"

#include <algorithm>

#include "base/check.h"

namespace oc {

void check_blocks(std::span<const TokenRange> blocks, std::int64_t tokens) {
  std::int64_t end = 0;
  for (const TokenRange& block : blocks) {
    OC_CHECK(block.begin >= end && block.end > block.begin && block.end <= tokens,
             "a block from {} to {}, behind one up to {}, of {} tokens", block.begin, block.end,
             end, tokens);
    end = block.end;
  }
}

std::int64_t end_of_step(std::span<const TokenRange> blocks, std::int64_t from, std::int64_t limit,
                         std::int64_t total) {
  const std::int64_t end = std::min(from + limit, total);
  for (const TokenRange& block : blocks) {
    OC_CHECK(from <= block.begin || from >= block.end, "a step begins at {}, in a block from {}",
             from, block.begin);
    if (end > block.begin && end < block.end) return block.begin > from ? block.begin : block.end;
  }
  return end;
}

std::int64_t undivided_prefix(std::span<const TokenRange> a, std::span<const TokenRange> b,
                              std::int64_t tokens) {
  for (std::size_t i = 0;; ++i) {
    const bool in_a = i < a.size() && a[i].begin < tokens;
    const bool in_b = i < b.size() && b[i].begin < tokens;
    if (!in_a && !in_b) return tokens;
    // Up to here both have the same blocks, all of them whole.
    if (in_a && in_b && a[i] == b[i] && a[i].end <= tokens) continue;
    return std::min(in_a ? a[i].begin : tokens, in_b ? b[i].begin : tokens);
  }
}

}  // namespace oc
