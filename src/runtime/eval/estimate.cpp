#include "runtime/eval/estimate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

namespace oc {
namespace {

constexpr double kZ = 1.959963984540054;  // of the normal distribution, both ends 2.5 %

// n as if the scores were n independent yes or no. The variance of the mean comes from the sums of
// each cluster (the linearised estimator of survey statistics); where none can be seen, all that is
// known is the number of clusters.
double effective_count(std::span<const ClusteredScore> scores, double mean) {
  std::map<std::string_view, double> sums;  // of score - mean
  for (const ClusteredScore& one : scores) sums[one.cluster] += one.score - mean;
  const auto clusters = static_cast<double>(sums.size());
  const auto count = static_cast<double>(scores.size());
  double squares = 0;
  for (const auto& [cluster, sum] : sums) squares += sum * sum;
  if (clusters < 2 || squares <= 1e-12) return clusters;
  const double variance = clusters / (clusters - 1) * squares / (count * count);
  return std::clamp(mean * (1 - mean) / variance, 1.0, count);
}

}  // namespace

Estimate estimate(std::span<const ClusteredScore> scores) {
  Estimate out;
  out.count = scores.size();
  if (scores.empty()) return out;
  double sum = 0;
  for (const ClusteredScore& one : scores) sum += one.score;
  out.mean = sum / static_cast<double>(scores.size());
  const double n = effective_count(scores, out.mean), z2 = kZ * kZ, p = out.mean;
  const double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half = kZ / (1 + z2 / n) * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  out.low = std::clamp(middle - half, 0.0, out.mean);
  out.high = std::clamp(middle + half, out.mean, 1.0);
  return out;
}

std::vector<std::size_t> draw_sample(std::size_t all, std::size_t count, std::uint64_t seed) {
  std::vector<std::size_t> out(all);
  std::iota(out.begin(), out.end(), std::size_t{0});
  if (count >= all) return out;
  // What standard libraries make of a generator's numbers differs; the generator's do not.
  std::mt19937_64 random(seed);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t left = all - i, even = UINT64_MAX - UINT64_MAX % left;
    std::uint64_t drawn = random();
    while (drawn >= even) drawn = random();
    std::swap(out[i], out[i + static_cast<std::size_t>(drawn % left)]);
  }
  out.resize(count);
  std::ranges::sort(out);
  return out;
}

}  // namespace oc
