// Monotonic time in milliseconds.
#pragma once

#include <chrono>

namespace oc {

// Milliseconds since construction (or the last restart).
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

}  // namespace oc
