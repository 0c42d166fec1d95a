// What the operator of a model wants of every request for it: values where the request gives none,
// and bounds where it gives more.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "image/fit.h"
#include "runtime/decode/sampler.h"

namespace oc {

struct GenerateRequest;

struct RequestDefaults {
  SamplingParams sampling;  // the request's own values win, one by one
  std::optional<int> max_tokens_cap;
  std::optional<std::int64_t> max_sequence;  // tokens of prompt and answer
  std::vector<std::string> stop;             // beside the request's own
  std::string image_token;                   // taken out of users' texts; empty: none
  PictureBox pictures;
  std::optional<std::chrono::milliseconds> time_limit;  // of one answer; 0: none
};

// All but `sampling`, which parse_chat_request() begins with (ChatLimits), and `pictures`, for
// decode_next_picture().
void apply_defaults(const RequestDefaults& defaults, GenerateRequest& generate);

}  // namespace oc
