#include "suggest.h"

#include <algorithm>
#include <vector>

#include "base/ascii.h"

namespace oc {
namespace {

// Steps from a to b: a letter more, less or another, or two neighbours changed about.
std::size_t steps_between(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::size_t> steps((a.size() + 1) * width);
  for (std::size_t i = 0; i <= a.size(); ++i)
    for (std::size_t k = 0; k < width; ++k) {
      std::size_t& here = steps[i * width + k];
      here = std::max(i, k);
      if (i == 0 || k == 0) continue;
      here = std::min({steps[(i - 1) * width + k] + 1, steps[i * width + k - 1] + 1,
                       steps[(i - 1) * width + k - 1] + (a[i - 1] == b[k - 1] ? 0 : 1)});
      if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
        here = std::min(here, steps[(i - 2) * width + k - 2] + 1);
    }
  return steps.back();
}

}  // namespace

std::string nearest_name(std::string_view word, std::span<const std::string> names) {
  constexpr std::size_t kLongest = 64;  // of a word that is looked at
  if (word.empty() || word.size() > kLongest) return "";
  const std::string typed = lower(word);
  std::size_t fewest = std::max<std::size_t>(typed.size() / 3, 1) + 1;
  std::string nearest;
  for (const std::string& name : names) {
    const std::size_t steps = steps_between(typed, lower(name));
    if (steps >= fewest || steps >= std::max(name.size(), typed.size())) continue;
    fewest = steps;
    nearest = name;
  }
  return nearest;
}

}  // namespace oc
