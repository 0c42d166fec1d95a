// The mean of a sample's scores, and how far the whole set's may be from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace oc {

// A score from 0 to 1, and what it was taken on: those of one cluster (a picture) stand and fall
// together.
struct ClusteredScore {
  double score = 0;
  std::string_view cluster;
};

struct Estimate {
  std::size_t count = 0;
  double mean = 0;
  double low = 0, high = 1;  // the confidence interval, of 95 %
};

// How the interval is made, for people.
inline constexpr std::string_view kIntervalMethod =
    "95 % Wilson score interval, of as many independent answers as give the variance that was seen "
    "between pictures";
Estimate estimate(std::span<const ClusteredScore> scores);

// `count` of the numbers below `all`, each equally likely, in order; the same for one seed
// everywhere. All of them where there are no more.
std::vector<std::size_t> draw_sample(std::size_t all, std::size_t count, std::uint64_t seed);

}  // namespace oc
