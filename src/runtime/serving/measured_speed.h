// How fast a model has been here of late, from the answers that it gave.
#pragma once

#include <mutex>
#include <optional>

#include "runtime/request.h"

namespace oc {

// nullopt: nothing was measured yet.
struct MeasuredSpeed {
  std::optional<double> seconds_per_view;  // of a picture: resized, cut and encoded
  std::optional<double> prefill_tokens_per_second;
  std::optional<double> decode_tokens_per_second;  // of one answer
};

// Any thread. Times of answers beside others are what they were there: under load all is slower.
class SpeedMeter {
 public:
  // views: those that the vision tower encoded for it.
  void count(const GenerateResult& result, std::int64_t views);
  MeasuredSpeed speed() const;

 private:
  // Units a second, the latest counting most: what lies `half_life` units back counts half.
  struct Rate {
    double half_life;
    double units = 0, seconds = 0;
    void add(double more, double ms);
    std::optional<double> per_second() const;
  };

  mutable std::mutex mutex_;
  Rate views_{.half_life = 32}, prefill_{.half_life = 4096}, decode_{.half_life = 512};
};

}  // namespace oc
