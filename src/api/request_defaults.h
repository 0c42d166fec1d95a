// What the operator of a model wants of every request for it: values where the request gives none,
// and bounds where it gives more.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "image/fit.h"
#include "models/image_plan.h"
#include "runtime/decode/sampler.h"

namespace oc {

struct GenerateRequest;

// What a request says of how its tokens are drawn; bounds as SamplingParams.
struct RequestedSampling {
  std::optional<double> temperature, top_p, min_p;
  std::optional<double> repetition_penalty, presence_penalty, frequency_penalty;
  std::optional<int> top_k;
  std::vector<std::pair<TokenId, float>> logit_bias;
  std::optional<std::uint64_t> seed;
};
// Its own values win over the defaults, one by one.
SamplingParams sampling_of(const RequestedSampling& requested, SamplingParams defaults);

struct RequestDefaults {
  SamplingParams sampling;
  std::optional<int> max_tokens_cap;
  std::optional<std::int64_t> max_sequence;  // tokens of prompt and answer
  std::vector<std::string> stop;             // beside the request's own
  std::string image_token;                   // taken out of users' texts; empty: none
  ImageSettings pictures;
  KnobValues knobs;  // of how pictures are shown; the model need not have them
  std::optional<std::chrono::milliseconds> time_limit;  // of one answer; 0: none
};

// All but `sampling`, for sampling_of(), and `pictures`, for decode_next_image(). `knobs`: those
// that the model has. Objects are found without sampling and stop strings, whatever the operator
// says of texts.
void apply_defaults(const RequestDefaults& defaults, std::span<const ImageKnob> knobs,
                    GenerateRequest& generate);

}  // namespace oc
