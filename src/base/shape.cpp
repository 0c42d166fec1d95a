#include "base/shape.h"

#include <fmt/ranges.h>

namespace oc {

std::optional<std::int64_t> Shape::checked_numel() const {
  std::int64_t total = 1;
  for (const std::int64_t dim : dims_) {
    if (dim < 0 || __builtin_mul_overflow(total, dim, &total)) return std::nullopt;
  }
  return total;
}

std::int64_t Shape::numel() const {
  const auto total = checked_numel();
  OC_CHECK(total.has_value(), "shape {} overflows", str());
  return *total;
}

std::string Shape::str() const { return fmt::format("[{}]", fmt::join(dims_, ", ")); }

}  // namespace oc
