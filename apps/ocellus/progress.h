// How far a download, or other long work, is: one line that is drawn over on a terminal, a line now
// and then elsewhere. Standard error, so that standard output holds results only.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>

#include "runtime/hub/pull.h"
#include "runtime/hub/rate.h"

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
  void erase();

  bool terminal_;
  bool drawn_ = false;
  hub::TransferRate rate_;
  Clock::time_point next_{};
};

// Work of many equal pieces, of which the number may be unknown.
struct WorkDone {
  std::size_t done = 0;                 // pieces, those of an earlier run included
  std::optional<std::size_t> all = {};  // nullopt: not known
  double share = 0;                     // of the work, from 0 to 1
  std::string note = {};                // "3 failed"; empty: nothing
};

class WorkProgressLine {
 public:
  // `done`, `share`: of an earlier run, which say nothing about this one's speed.
  WorkProgressLine(std::size_t done, double share);
  ~WorkProgressLine();
  WorkProgressLine(const WorkProgressLine&) = delete;
  WorkProgressLine& operator=(const WorkProgressLine&) = delete;

  void update(const WorkDone& work);

 private:
  using Clock = std::chrono::steady_clock;
  struct Sample {
    Clock::time_point at;
    std::size_t done;
    double share;
  };

  bool terminal_;
  bool drawn_ = false;
  std::deque<Sample> samples_;
  Clock::time_point next_{};
};

// "[#####     ]  42 %  420 of 1000  35.2 a second  17 s left  3 failed", cut to `columns`. Below 0:
// not known yet.
std::string work_text(const WorkDone& work, double per_s, double seconds_left, int columns);

// No bar, whole text: for a log.
inline constexpr int kNoBar = 0;
// "[#####     ]  42 %  1.02 of 2.43 GB  83.1 MB/s  17 s left  model.safetensors", cut to `columns`.
std::string progress_text(const hub::PullProgress& progress, double bytes_per_s, int columns);

}  // namespace oc
