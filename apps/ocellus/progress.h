// How far a download is: one line that is drawn over on a terminal, a line now and then elsewhere.
// Standard error, so that standard output holds results only.
#pragma once

#include <chrono>
#include <deque>
#include <string>

#include "runtime/hub/pull.h"

namespace oc {

class PullProgressLine {
 public:
  PullProgressLine();
  ~PullProgressLine();
  PullProgressLine(const PullProgressLine&) = delete;
  PullProgressLine& operator=(const PullProgressLine&) = delete;

  void update(const hub::PullProgress& progress);
  // A line of its own, above the one that is drawn over.
  void print(const std::string& line);

 private:
  using Clock = std::chrono::steady_clock;
  struct Sample {
    Clock::time_point at;
    std::uint64_t done;
  };
  void erase();
  // Bytes a second over the last seconds; 0: not known yet.
  double rate() const;

  bool terminal_;
  bool drawn_ = false;
  std::deque<Sample> samples_;
  Clock::time_point next_{};
};

// No bar, whole text: for a log.
inline constexpr int kNoBar = 0;
// "[#####     ]  42 %  1.02 of 2.43 GB  83.1 MB/s  17 s left  model.safetensors", cut to `columns`.
std::string progress_text(const hub::PullProgress& progress, double bytes_per_s, int columns);

}  // namespace oc
