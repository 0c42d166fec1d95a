// What several goes are reported as.
#pragma once

#include <algorithm>
#include <vector>

namespace oc {

// Of an even number the upper one of the middle; there is at least one.
inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace oc
