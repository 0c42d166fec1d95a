// Time that has passed, and the time of day.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace oc {

// Milliseconds since construction (or the last restart), whatever is done to the time of day.
class Stopwatch {
 public:
  double ms() const {
    return std::chrono::duration<double, std::milli>(Clock::now() - start_).count();
  }
  void restart() { start_ = Clock::now(); }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
};

std::int64_t unix_seconds();  // now

using WallClock = std::chrono::system_clock;
// "2026-11-28T22:13:07Z"
std::string utc_timestamp(WallClock::time_point time = WallClock::now());
// "2026-11-28T22:13:07.042Z"
std::string utc_timestamp_in_ms(WallClock::time_point time = WallClock::now());

}  // namespace oc
