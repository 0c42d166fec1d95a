// How fast bytes come, over the last seconds.
#pragma once

#include <chrono>
#include <deque>

#include "runtime/hub/pull.h"

namespace oc::hub {

class TransferRate {
 public:
  using Clock = std::chrono::steady_clock;

  // Files that were there already say nothing about the network, and are passed over.
  void add(const PullProgress& progress, Clock::time_point now = Clock::now());
  // 0: not known yet.
  double bytes_per_s() const;

 private:
  struct Sample {
    Clock::time_point at;
    std::uint64_t done;
  };
  std::deque<Sample> samples_;
};

}  // namespace oc::hub
