#include "runtime/decode/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "runtime/decode/softmax.h"

namespace oc {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr float kLargest = std::numeric_limits<float>::max();
// e^-60 is below the resolution of the draw: such tokens cannot be produced.
constexpr double kNegligible = -60;

Error out_of_range(std::string_view name, double value, std::string_view range) {
  return {ErrorCode::kInvalidArgument, fmt::format("{} is {}, it must be {}", name, value, range),
          "", std::string(name)};
}

// The nearest parameters that check_sampling() allows; what is no number is off.
SamplingParams within_bounds(SamplingParams p) {
  using Limits = std::numeric_limits<double>;
  const auto bound = [](double& value, double min, double max, double off) {
    value = std::isnan(value) ? off : std::clamp(value, min, max);
  };
  bound(p.temperature, 0, Limits::max(), 0);
  p.top_k = std::max(p.top_k, 0);
  bound(p.top_p, Limits::denorm_min(), 1, 1);
  bound(p.min_p, 0, 1, 0);
  bound(p.presence_penalty, -2, 2, 0);
  bound(p.frequency_penalty, -2, 2, 0);
  bound(p.repetition_penalty, SamplingParams::kMinRepetitionPenalty,
        SamplingParams::kMaxRepetitionPenalty, 1);
  constexpr auto kMax = static_cast<float>(SamplingParams::kMaxBias);
  for (auto& [id, bias] : p.logit_bias) bias = std::isnan(bias) ? 0 : std::clamp(bias, -kMax, kMax);
  return p;
}

// SplitMix64 (Steele, Lea, Flood 2014) as a function of seed and counter.
std::uint64_t split_mix(std::uint64_t seed, std::uint64_t counter) {
  std::uint64_t z = seed + (counter + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

}  // namespace

Result<void> check_sampling(const SamplingParams& p) {
  if (!(p.temperature >= 0) || !std::isfinite(p.temperature))
    return out_of_range("temperature", p.temperature, "0 (greedy) or more");
  if (p.top_k < 0) return out_of_range("top_k", p.top_k, "0 (off) or more");
  if (!(p.top_p > 0 && p.top_p <= 1))
    return out_of_range("top_p", p.top_p, "above 0 and at most 1");
  if (!(p.min_p >= 0 && p.min_p < 1)) return out_of_range("min_p", p.min_p, "0 (off) to below 1");
  if (!(std::abs(p.presence_penalty) <= 2))
    return out_of_range("presence_penalty", p.presence_penalty, "from -2 to 2 (0: off)");
  if (!(std::abs(p.frequency_penalty) <= 2))
    return out_of_range("frequency_penalty", p.frequency_penalty, "from -2 to 2 (0: off)");
  if (!(p.repetition_penalty >= SamplingParams::kMinRepetitionPenalty &&
        p.repetition_penalty <= SamplingParams::kMaxRepetitionPenalty))
    return out_of_range("repetition_penalty", p.repetition_penalty, "from 0.01 to 100 (1: off)");
  for (const auto& [id, bias] : p.logit_bias)
    if (!(std::abs(bias) <= SamplingParams::kMaxBias))
      return out_of_range(fmt::format("logit_bias.{}", id), bias, "from -100 to 100");
  return {};
}

Result<void> check_logits(std::span<const float> logits) {
  for (std::size_t id = 0; id < logits.size(); ++id)
    if (std::isnan(logits[id]) || logits[id] == std::numeric_limits<float>::infinity())
      return Error{ErrorCode::kInternal,
                   fmt::format("the model produced {} as the logit of token {}", logits[id], id),
                   "the checkpoint may be damaged: `ocellus verify` compares it with goldens"};
  return {};
}

Sampler::Sampler(const SamplingParams& params, std::vector<TokenId> banned)
    : params_(within_bounds(params)), banned_(std::move(banned)) {
  if (params.seed) {
    seed_ = *params.seed;
  } else {
    std::random_device device;
    seed_ = ((std::uint64_t{device()} << 32) | device()) >> 11;  // exact in JSON's doubles
  }
}

Result<TokenId> Sampler::sample(std::span<const float> logits, std::span<const TokenId> history,
                                std::size_t answer_from, std::span<const std::uint32_t> allowed) {
  OC_RETURN_IF_ERROR(check_logits(logits));
  scores_.assign(logits.begin(), logits.end());
  for (const auto& [id, bias] : params_.logit_bias)
    if (id >= 0 && static_cast<std::size_t>(id) < scores_.size())
      change(static_cast<std::size_t>(id), scores_[static_cast<std::size_t>(id)] + bias);
  if (params_.presence_penalty != 0 || params_.frequency_penalty != 0)
    penalise_answer(history.subspan(std::min(answer_from, history.size())));
  if (params_.repetition_penalty != 1) penalise(history);
  for (const TokenId id : banned_)
    if (static_cast<std::size_t>(id) < scores_.size())
      scores_[static_cast<std::size_t>(id)] = kNever;
  if (!allowed.empty())
    for (std::size_t id = 0; id < scores_.size(); ++id)
      if ((allowed[id / 32] >> (id % 32) & 1) == 0) scores_[id] = kNever;
  OC_ASSIGN_OR_RETURN(const TokenId top, best());
  if (params_.temperature == 0) return top;
  collect(scores_[static_cast<std::size_t>(top)]);
  if (params_.top_k > 0) keep_top_k();
  if (params_.top_p < 1) keep_top_p();
  if (params_.min_p > 0) keep_min_p();
  return draw();
}

// What the model never says stays so; every other score stays finite, so that none of two that are
// infinite becomes NaN and some token is always left.
void Sampler::change(std::size_t id, float score) {
  if (scores_[id] != kNever) scores_[id] = std::clamp(score, -kLargest, kLargest);
}

// Once for every id that occurs, however often: as transformers' gather and scatter do.
void Sampler::penalise(std::span<const TokenId> history) {
  const auto penalty = static_cast<float>(params_.repetition_penalty);
  seen_.assign(scores_.size(), false);
  for (const TokenId id : history) {
    const auto i = static_cast<std::size_t>(id);
    if (id < 0 || i >= scores_.size() || seen_[i]) continue;
    seen_[i] = true;
    change(i, scores_[i] < 0 ? scores_[i] * penalty : scores_[i] / penalty);
  }
}

void Sampler::penalise_answer(std::span<const TokenId> answer) {
  seen_.assign(scores_.size(), false);
  for (const TokenId id : answer) {
    const auto i = static_cast<std::size_t>(id);
    if (id < 0 || i >= scores_.size()) continue;
    change(i, scores_[i] - static_cast<float>(params_.frequency_penalty));
    if (!seen_[i]) change(i, scores_[i] - static_cast<float>(params_.presence_penalty));
    seen_[i] = true;
  }
}

Result<TokenId> Sampler::best() const {
  std::size_t top = 0;
  for (std::size_t i = 1; i < scores_.size(); ++i)
    if (scores_[i] > scores_[top]) top = i;
  if (scores_.empty() || scores_[top] == kNever)
    return Error{ErrorCode::kInternal, "the model left no token that may be produced"};
  return static_cast<TokenId>(top);
}

void Sampler::collect(double max_logit) {
  candidates_.clear();
  for (std::size_t i = 0; i < scores_.size(); ++i) {
    // The best is a candidate whatever the temperature.
    const double below = scores_[i] - max_logit;
    const double logit = below == 0 ? 0 : below / params_.temperature;
    if (logit >= kNegligible)
      candidates_.push_back({logit, static_cast<TokenId>(i), reproducible_exp(logit)});
  }
}

// Down by score, up by id: a total order, so that nothing depends on the sort.
bool Sampler::better(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

void Sampler::keep_top_k() {
  const auto k = static_cast<std::size_t>(params_.top_k);
  if (k >= candidates_.size()) return;
  const auto kth = candidates_.begin() + static_cast<std::ptrdiff_t>(k - 1);
  std::nth_element(candidates_.begin(), kth, candidates_.end(), better);
  const double kth_logit = kth->logit;
  std::erase_if(candidates_, [kth_logit](const Candidate& c) { return c.logit < kth_logit; });
}

// The smallest set of best tokens whose probabilities reach top_p, at least one.
void Sampler::keep_top_p() {
  std::sort(candidates_.begin(), candidates_.end(), better);
  double total = 0;
  for (const Candidate& c : candidates_) total += c.weight;
  double before = 0;
  std::size_t kept = 0;
  while (kept < candidates_.size() && (kept == 0 || before < params_.top_p * total))
    before += candidates_[kept++].weight;
  candidates_.resize(kept);
}

void Sampler::keep_min_p() {
  double max_weight = 0;
  for (const Candidate& c : candidates_) max_weight = std::max(max_weight, c.weight);
  std::erase_if(candidates_,
                [&](const Candidate& c) { return c.weight < params_.min_p * max_weight; });
}

TokenId Sampler::draw() {
  // By id, whatever the filters did: the sums below depend on the order.
  std::sort(candidates_.begin(), candidates_.end(),
            [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
  double total = 0;
  for (const Candidate& c : candidates_) total += c.weight;
  const double target = uniform() * total;
  double sum = 0;
  for (const Candidate& c : candidates_) {
    sum += c.weight;
    if (target < sum) return c.id;
  }
  return candidates_.back().id;
}

double Sampler::uniform() {
  return static_cast<double>(split_mix(seed_, drawn_++) >> 11) * 0x1p-53;
}

}  // namespace oc
