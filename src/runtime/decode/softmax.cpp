#include "runtime/decode/softmax.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace oc {
namespace {

// e^-60 adds nothing to a sum of at least 1.
constexpr double kNegligible = -60;

template <class T>
double sum(std::span<const T> values) {
  const double largest =
      values.empty() ? 0 : static_cast<double>(*std::ranges::max_element(values));
  if (!std::isfinite(largest)) return largest;
  double total = 0;
  for (const T value : values)
    if (const double x = static_cast<double>(value) - largest; x >= kNegligible)
      total += reproducible_exp(x);
  return largest + std::log(total);
}

}  // namespace

// From plain sums and products only; libm's exp rounds differently from one machine to another.
// x = k·ln 2 + r with |r| <= ln 2 / 2, then a Taylor series.
double reproducible_exp(double x) {
  constexpr double kInvLn2 = 1.4426950408889634;
  constexpr double kLn2High = 0.693147180369123816490, kLn2Low = 1.90821492927058770002e-10;
  const double k = std::floor(x * kInvLn2 + 0.5);
  const double r = (x - k * kLn2High) - k * kLn2Low;
  double series = 1;
  for (int n = 14; n >= 1; --n) series = 1 + series * (r / n);
  return std::ldexp(series, static_cast<int>(k));
}

double log_sum_exp(std::span<const float> logits) { return sum(logits); }
double log_sum_exp(std::span<const double> values) { return sum(values); }

std::vector<TokenId> top_ids(std::span<const float> logits, std::size_t count,
                             std::span<const TokenId> skipped) {
  std::vector<TokenId> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  std::erase_if(ids, [&](TokenId id) { return std::ranges::binary_search(skipped, id); });
  count = std::min(count, ids.size());
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count), ids.end(),
                    [&](TokenId a, TokenId b) {
                      const float x = logits[static_cast<std::size_t>(a)],
                                  y = logits[static_cast<std::size_t>(b)];
                      return x != y ? x > y : a < b;
                    });
  ids.resize(count);
  return ids;
}

}  // namespace oc
