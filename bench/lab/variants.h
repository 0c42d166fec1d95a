// Variants of the int8 product: what the kernels do, and what was tried and lost. Each gives the
// same bytes; the lab checks that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernels.h"

namespace oc::lab {

// y[t, n], n in [begin, end), as Table::matmul_int8 with `tokens` tokens in one panel.
struct Variant {
  const char* name;
  const char* why;  // what it is; for a loser also why it was left
  int tokens;
  void (*run)(const kernels::QuantMatrix& w, std::int64_t begin, std::int64_t end,
              const kernels::Int8Rows& x, float* y, std::int64_t y_stride, std::byte* scratch);
  std::int64_t outputs;  // that are handed out at a time
};

struct VariantSet {
  const char* target;
  std::vector<Variant> few;    // 1, 2, 4 and 8 tokens from memory
  std::vector<Variant> tiles;  // panels of 8 tokens out of the cache
};

// Of the best target that can run here among those that the lab is compiled for.
VariantSet variants();

}  // namespace oc::lab
