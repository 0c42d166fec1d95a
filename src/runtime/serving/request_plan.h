// What a request would take, as far as that is known without running it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/serving/measured_speed.h"

namespace oc {

struct PlannedImage {
  ImagePlan plan;
  bool encoded = false;  // lately, and kept in memory
};

struct RequestPlan {
  std::vector<PlannedImage> images;
  std::int64_t prompt_tokens = 0;  // as the answer will count them
  std::int64_t image_tokens = 0;   // of these
  std::int64_t cached_tokens = 0;  // of these, were it to start now: of a prompt that was kept
  std::int64_t max_tokens = 0;     // the longest answer that it may have
  std::int64_t views_left = 0;     // that the vision tower would have to encode
  bool answered = false;           // the whole answer is kept in memory
  std::size_t ahead = 0;           // requests that wait or run
  MeasuredSpeed speed;
};

// From its start to the first token, with nobody ahead of it; nullopt: what it takes was not
// measured yet.
std::optional<double> seconds_to_first_token(const RequestPlan& plan);

}  // namespace oc
