#include "runtime/decode/stop.h"

#include <algorithm>
#include <utility>

namespace oc {

StopMatcher::StopMatcher(const std::vector<std::string>& stops) {
  for (const std::string& stop : stops) {
    if (stop.empty()) continue;
    Pattern pattern{stop, std::vector<std::size_t>(stop.size(), 0)};
    for (std::size_t i = 1, k = 0; i < stop.size(); ++i) {
      while (k > 0 && stop[i] != stop[k]) k = pattern.border[k - 1];
      if (stop[i] == stop[k]) ++k;
      pattern.border[i] = k;
    }
    patterns_.push_back(std::move(pattern));
  }
  std::stable_sort(patterns_.begin(), patterns_.end(), [](const Pattern& a, const Pattern& b) {
    return a.text.size() > b.text.size();
  });
}

bool StopMatcher::Pattern::feed(char byte) {
  while (matched > 0 && text[matched] != byte) matched = border[matched - 1];
  if (text[matched] == byte) ++matched;
  return matched == text.size();
}

std::string StopMatcher::push(std::string_view text) {
  if (hit_) return {};
  for (const char byte : text) {
    held_ += byte;
    for (Pattern& pattern : patterns_) {
      if (!pattern.feed(byte)) continue;
      hit_ = pattern.text;
      held_.resize(held_.size() - pattern.text.size());
      return std::exchange(held_, {});
    }
  }
  std::size_t hold = 0;
  for (const Pattern& pattern : patterns_) hold = std::max(hold, pattern.matched);
  std::string safe = held_.substr(0, held_.size() - hold);
  held_.erase(0, safe.size());
  return safe;
}

std::string StopMatcher::flush() { return std::exchange(held_, {}); }

}  // namespace oc
