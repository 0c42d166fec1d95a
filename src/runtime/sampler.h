// From logits to a token. One object a sequence; reproducible: equal logits, parameters and seed give
// equal tokens on every machine.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "text/tokenizer.h"

namespace oc {

// Order of application: repetition penalty, temperature, top-k, top-p, min-p, draw.
struct SamplingParams {
  double temperature = 0;          // 0: greedy (ties: lowest id); else > 0
  int top_k = 0;                   // 0: off
  double top_p = 1;                // (0, 1]; 1: off
  double min_p = 0;                // [0, 1); keeps p >= min_p · max p; 0: off
  double repetition_penalty = 1;   // > 0; over prompt text tokens and answer, as transformers does
  std::optional<std::uint64_t> seed;  // absent: random, and reported in the result
};
Result<void> check_sampling(const SamplingParams& params);

class Sampler {
 public:
  // `banned`: ids that are never produced (rows of the head that have no token).
  Sampler(const SamplingParams& params, std::vector<TokenId> banned);
  // history: the tokens so far (negative image positions are skipped).
  TokenId sample(std::span<const float> logits, std::span<const TokenId> history);
  std::uint64_t seed() const { return seed_; }

 private:
  SamplingParams params_;
  std::vector<TokenId> banned_;
  std::uint64_t seed_;
  std::uint64_t state_;
  std::vector<float> scratch_;
  std::vector<std::pair<float, TokenId>> candidates_;
};

}  // namespace oc
