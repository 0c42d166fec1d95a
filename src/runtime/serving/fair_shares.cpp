#include "runtime/serving/fair_shares.h"

#include <algorithm>

namespace oc {

std::vector<std::size_t> share_places(std::span<const std::size_t> wanted, std::size_t places) {
  std::vector<std::size_t> given(wanted.size(), 0);
  for (bool any = true; any && places > 0;) {
    any = false;
    for (std::size_t i = 0; i < wanted.size() && places > 0; ++i) {
      if (given[i] == wanted[i]) continue;
      ++given[i];
      --places;
      any = true;
    }
  }
  return given;
}

std::optional<std::size_t> next_prompt(std::span<const std::int64_t> left, bool oldest) {
  std::optional<std::size_t> next;
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (left[i] == 0) continue;
    if (!next || left[i] < left[*next]) next = i;
    if (oldest) break;
  }
  return next;
}

bool all_can_end(std::vector<MemoryClaim> claims, std::int64_t memory) {
  std::int64_t free = memory;
  for (const MemoryClaim& claim : claims) free -= claim.held;
  if (free < 0) return false;
  const auto missing = [](const MemoryClaim& claim) { return claim.peak - claim.held; };
  // Who wants least goes first: if that one cannot end, none can.
  std::ranges::sort(claims, {}, missing);
  for (const MemoryClaim& claim : claims) {
    if (missing(claim) > free) return false;
    free += claim.held;
  }
  return true;
}

std::optional<std::size_t> next_turn(std::span<const WaitingRequest> waiting) {
  std::optional<std::size_t> next;
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    const WaitingRequest& one = waiting[i];
    if (one.fits && (!next || one.running < waiting[*next].running)) next = i;
    if (one.passed >= kMaxPasses) break;
  }
  return next;
}

}  // namespace oc
