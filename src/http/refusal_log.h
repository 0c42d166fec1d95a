// Lines about who is refused and what to do about it: one a minute about each, so that a page that
// tries again and again fills no disk.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>

namespace oc::http {

// One thread at a time.
class RefusalLog {
 public:
  using Clock = std::chrono::steady_clock;
  // Whether to write a line about `who` now: then, how many were left out since the last one. Of
  // more than a few within a minute the others share one line.
  std::optional<std::size_t> due(const std::string& who, Clock::time_point now);

 private:
  struct Said {
    Clock::time_point at;
    std::size_t unsaid = 0;
  };
  std::map<std::string, Said> said_;
};

}  // namespace oc::http
