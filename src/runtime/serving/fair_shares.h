// Who gets what of a running service when there is not enough for all: places in a step, memory
// for keys and values, the next turn. The whole policy; the service (service_shares.cpp) counts and
// obeys. No state, no clock, any thread.
//
//   - Each running request has a place; what is left goes round, one at a time, to those with more
//     answers (n). The answers without a place wait, as they are, for the next one.
//   - Of prompts and pictures one piece is computed at a time: by turns one of the oldest request
//     and one of that with the least left.
//   - Memory is lent as answers grow, never so that what runs could block each other for good. Who
//     does not get it waits, as it is.
//   - The turn goes to the asker with the fewest requests running, among equals to who came first,
//     of those that there is memory for. Nobody is passed more often than kMaxPasses times.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace oc {

// Of `places` at least one for each request that wants any, in order, then one more each by turns
// while it wants more.
std::vector<std::size_t> share_places(std::span<const std::size_t> wanted, std::size_t places);

// Whose prompt is next, given the tokens that are left of each, the oldest request's first.
std::optional<std::size_t> next_prompt(std::span<const std::int64_t> left, bool oldest);

// Memory that a request has, and the most that it may still come to have, in any unit.
struct MemoryClaim {
  std::int64_t held = 0, peak = 0;
};
// Whether there is an order in which each request gets all it may want, ends and gives it back
// (Dijkstra's banker, one resource).
bool all_can_end(std::vector<MemoryClaim> claims, std::int64_t memory);

// Requests that may be let in before one that came earlier.
inline constexpr int kMaxPasses = 16;

struct WaitingRequest {
  std::size_t running = 0;  // requests of its asker
  int passed = 0;           // times that a later one was let in before it
  bool fits = true;         // there is memory for it
};
// Which of the waiting requests, in order of arrival, is let in next; nullopt: none yet.
std::optional<std::size_t> next_turn(std::span<const WaitingRequest> waiting);

}  // namespace oc
