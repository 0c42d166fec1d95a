// From logits to a token. One object a sequence; reproducible: equal logits, parameters and seed
// give equal tokens on every machine (own generator, own exp; nothing of the C library's rounding).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/tokenizer.h"

namespace oc {

// Order of application: bias, presence and frequency penalty (OpenAI), repetition penalty,
// temperature, top-k, top-p, min-p, draw; each as the logits processor of that name in Hugging Face
// transformers (generation/logits_process.py).
struct SamplingParams {
  double temperature = 0;         // 0: greedy (ties: lowest id); else > 0
  int top_k = 0;                  // 0: off; ties with the k-th are kept
  double top_p = 1;               // (0, 1]; 1: off
  double min_p = 0;               // [0, 1); keeps p >= min_p · max p; 0: off
  double repetition_penalty = 1;  // [0.01, 100]; over prompt text tokens and answer
  double presence_penalty = 0;    // [-2, 2]; off the logit of each token that the answer holds
  double frequency_penalty = 0;   // [-2, 2]; likewise, for each time that it occurs
  // Added to the logits of these, [-100, 100] each.
  std::vector<std::pair<TokenId, float>> logit_bias = {};
  std::optional<std::uint64_t> seed = {};  // absent: random below 2^53, and reported in the result

  static constexpr double kMinRepetitionPenalty = 0.01, kMaxRepetitionPenalty = 100;
  static constexpr double kMaxBias = 100;
};
// kInvalidArgument names the parameter, its value and its range.
Result<void> check_sampling(const SamplingParams& params);

// kInternal when logits hold NaN or +infinity: the checkpoint is damaged.
Result<void> check_logits(std::span<const float> logits);

// One thread. Whatever the parameters are, a token that may be produced is: those that
// check_sampling() would have refused are taken as the nearest that it allows, and scores stay
// finite.
class Sampler {
 public:
  // `banned`: ids that are never produced.
  Sampler(const SamplingParams& params, std::vector<TokenId> banned);
  // logits [V]; history: the tokens so far (negative image positions are skipped), the answer's
  // from answer_from on; allowed: a bit for each id (id 0 is the lowest of the first word), empty
  // when every one is. kInternal when the logits hold NaN or +infinity, or when each token that may
  // be produced has -infinity.
  Result<TokenId> sample(std::span<const float> logits, std::span<const TokenId> history,
                         std::size_t answer_from = 0, std::span<const std::uint32_t> allowed = {});
  std::uint64_t seed() const { return seed_; }

 private:
  struct Candidate {
    double logit;  // after temperature
    TokenId id;
    double weight;  // e^(logit - max)
  };

  static bool better(const Candidate& a, const Candidate& b);
  Result<TokenId> best() const;
  void change(std::size_t id, float score);
  void penalise(std::span<const TokenId> history);
  void penalise_answer(std::span<const TokenId> answer);
  void collect(double max_logit);
  void keep_top_k();
  void keep_top_p();
  void keep_min_p();
  TokenId draw();
  double uniform();  // [0, 1)

  SamplingParams params_;
  std::vector<TokenId> banned_;
  std::uint64_t seed_;
  std::uint64_t drawn_ = 0;    // numbers taken from the generator
  std::vector<float> scores_;  // [V], the logits with penalty and bans
  std::vector<bool> seen_;     // [V], already penalised at this step
  std::vector<Candidate> candidates_;
};

}  // namespace oc
