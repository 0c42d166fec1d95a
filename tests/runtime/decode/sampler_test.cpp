#include "runtime/decode/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "tests/runtime/fake_model.h"

namespace oc {
namespace {

TokenId once(const SamplingParams& params, const std::vector<float>& logits,
             std::vector<TokenId> banned = {}, const std::vector<TokenId>& history = {}) {
  return Sampler(params, std::move(banned)).sample(logits, history).value();
}

// How often each id comes out.
std::map<TokenId, int> tally(const SamplingParams& params, const std::vector<float>& logits,
                             int draws, std::vector<TokenId> banned = {}) {
  Sampler sampler(params, std::move(banned));
  std::map<TokenId, int> counts;
  for (int i = 0; i < draws; ++i) ++counts[sampler.sample(logits, {}).value()];
  return counts;
}

std::vector<TokenId> support(const SamplingParams& params, const std::vector<float>& logits) {
  std::vector<TokenId> ids;
  for (const auto& [id, count] : tally(params, logits, 4000)) ids.push_back(id);
  return ids;
}

TEST(Sampler, GreedyTakesTheLowestOfEqualLogits) {
  EXPECT_EQ(once({}, {1, 3, 2, 3}), 1);
  EXPECT_EQ(once({}, {-5, -5, -5}), 0);
}

TEST(Sampler, BannedIdsNeverComeOut) {
  EXPECT_EQ(once({}, {1, 9, 2, 3}, {1}), 3);
  const auto counts = tally({.temperature = 5, .seed = 1}, {1, 9, 2, 3}, 1000, {1, 3});
  EXPECT_EQ(counts.count(1) + counts.count(3), 0u);
  EXPECT_EQ(once({}, {1, 2}, {7}), 1) << "a banned id past the logits is no one's";
}

TEST(Sampler, LogitsThatAreNoNumbersAreAnInternalError) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInf = std::numeric_limits<float>::infinity();
  for (const SamplingParams& params : {SamplingParams{}, SamplingParams{.temperature = 1}}) {
    const auto nan = Sampler(params, {}).sample(std::vector<float>{1, kNan, 2}, {});
    ASSERT_FALSE(nan.ok());
    EXPECT_EQ(nan.error().code, ErrorCode::kInternal);
    EXPECT_EQ(nan.error().message, "the model produced nan as the logit of token 1");
    EXPECT_FALSE(Sampler(params, {}).sample(std::vector<float>{1, kInf}, {}).ok());
    EXPECT_FALSE(Sampler(params, {}).sample(std::vector<float>{-kInf, -kInf}, {}).ok());
    EXPECT_FALSE(Sampler(params, {0, 1}).sample(std::vector<float>{1, 2}, {}).ok());
    EXPECT_EQ(Sampler(params, {}).sample(std::vector<float>{-kInf, 2}, {}).value(), 1);
  }
}

TEST(Sampler, TemperatureIsTheSoftmaxDistribution) {
  const std::vector<float> logits = {0, 1, 2};
  constexpr int kDraws = 100'000;
  const auto counts = tally({.temperature = 0.5, .seed = 3}, logits, kDraws);
  double total = 0;
  for (const float logit : logits) total += std::exp(logit / 0.5);
  for (TokenId id = 0; id < 3; ++id) {
    const double p = std::exp(logits[static_cast<std::size_t>(id)] / 0.5) / total;
    const double deviation = std::sqrt(kDraws * p * (1 - p));
    EXPECT_NEAR(counts.at(id), kDraws * p, 5 * deviation) << id;  // 5 sigma
  }
}

TEST(Sampler, VerySmallTemperatureIsGreedy) {
  EXPECT_EQ(tally({.temperature = 1e-9, .seed = 3}, {0, 1, 1.5f, 1}, 100),
            (std::map<TokenId, int>{{2, 100}}));
}

// The sets below are those of transformers 4.46's warpers for the same logits, worked by hand from
// the probabilities 0.4, 0.3, 0.2, 0.1.
TEST(Sampler, FiltersKeepWhatTransformersKeeps) {
  const std::vector<float> logits = {std::log(0.2f), std::log(0.4f), std::log(0.1f),
                                     std::log(0.3f)};
  using Ids = std::vector<TokenId>;
  const SamplingParams base{.temperature = 1, .seed = 9};
  const auto with = [&](auto set) {
    SamplingParams params = base;
    set(params);
    return support(params, logits);
  };
  EXPECT_EQ(support(base, logits), (Ids{0, 1, 2, 3}));
  EXPECT_EQ(with([](auto& p) { p.top_k = 2; }), (Ids{1, 3}));
  EXPECT_EQ(with([](auto& p) { p.top_k = 99; }), (Ids{0, 1, 2, 3}));
  EXPECT_EQ(with([](auto& p) { p.top_p = 0.65; }), (Ids{1, 3}));
  EXPECT_EQ(with([](auto& p) { p.top_p = 0.75; }), (Ids{0, 1, 3}));
  EXPECT_EQ(with([](auto& p) { p.top_p = 1e-9; }), (Ids{1})) << "at least one is kept";
  EXPECT_EQ(with([](auto& p) { p.min_p = 0.45; }), (Ids{0, 1, 3}));
  EXPECT_EQ(with([](auto& p) { p.min_p = 0.55; }), (Ids{1, 3}));
  // top-p works on what top-k left: of 4/7 and 3/7 the first reaches 0.5 alone.
  EXPECT_EQ(with([](auto& p) { p.top_k = 2, p.top_p = 0.5; }), (Ids{1}));
  // The temperature comes before: at 10 the distribution is nearly flat.
  EXPECT_EQ(with([](auto& p) { p.temperature = 10, p.min_p = 0.8; }), (Ids{0, 1, 2, 3}));
}

TEST(Sampler, TopKKeepsTiesWithTheLast) {
  EXPECT_EQ(support({.temperature = 1, .top_k = 2, .seed = 1}, {3, 2, 2, 1}),
            (std::vector<TokenId>{0, 1, 2}));
}

TEST(Sampler, RepetitionPenaltyAppliesOncePerId) {
  // Positive logits are divided, negative multiplied; image positions (negative ids) are skipped.
  const SamplingParams params{.repetition_penalty = 2};
  EXPECT_EQ(once(params, {3, 2}, {}, {0}), 1);
  EXPECT_EQ(once(params, {3, 1.4f}, {}, {0, 0, 0, -1, -9, 400}), 0) << "3/2 is above 1.4";
  EXPECT_EQ(once(params, {-1, -1.5f}, {}, {0}), 1) << "-1 becomes -2";
}

TEST(Sampler, SeedsReproduceAndDiffer) {
  const std::vector<float> logits(64, 0.0f);
  const auto sequence = [&](std::uint64_t seed) {
    Sampler sampler({.temperature = 1, .seed = seed}, {});
    std::vector<TokenId> ids;
    for (int i = 0; i < 24; ++i) ids.push_back(sampler.sample(logits, {}).value());
    return ids;
  };
  EXPECT_EQ(sequence(42), sequence(42));
  EXPECT_NE(sequence(42), sequence(43));
}

// Computed by a separate program (Python, math.exp) from the documented order and SplitMix64: the
// same on every machine and compiler, or the promise is broken.
TEST(Sampler, TokensOfAFixedSeedAreFixed) {
  std::vector<float> logits;
  for (int i = 0; i < 50; ++i) logits.push_back(static_cast<float>((i * 37) % 50) * 0.11f);
  Sampler sampler({.temperature = 0.9, .top_k = 40, .top_p = 0.95, .min_p = 0.01, .seed = 7}, {});
  std::vector<TokenId> ids;
  for (int i = 0; i < 12; ++i) ids.push_back(sampler.sample(logits, {}).value());
  EXPECT_EQ(ids, (std::vector<TokenId>{16, 1, 40, 27, 24, 9, 24, 13, 4, 20, 4, 47}));
}

TEST(Sampler, AnAbsentSeedIsDrawnAndReported) {
  Sampler first({.temperature = 1}, {}), second({.temperature = 1}, {});
  EXPECT_NE(first.seed(), second.seed());
  EXPECT_LT(first.seed(), std::uint64_t{1} << 53);
  const std::vector<float> logits(1000, 0.0f);
  EXPECT_EQ(first.sample(logits, {}).value(),
            once({.temperature = 1, .seed = first.seed()}, logits));
}

TEST(Sampler, ParametersAreChecked) {
  EXPECT_TRUE(check_sampling({}).ok());
  const double nan = std::nan("");
  for (const SamplingParams& params :
       {SamplingParams{.temperature = -1}, SamplingParams{.temperature = nan},
        SamplingParams{.top_k = -1}, SamplingParams{.top_p = 0}, SamplingParams{.top_p = 1.1},
        SamplingParams{.top_p = nan}, SamplingParams{.min_p = 1}, SamplingParams{.min_p = -0.1},
        SamplingParams{.repetition_penalty = 0}, SamplingParams{.repetition_penalty = nan},
        SamplingParams{.repetition_penalty = 1e-38}, SamplingParams{.repetition_penalty = 0.0099},
        SamplingParams{.repetition_penalty = 100.1}, SamplingParams{.repetition_penalty = -1},
        SamplingParams{.logit_bias = {{3, 100.5f}}},
        SamplingParams{.logit_bias = {{3, std::nanf("")}}}}) {
    const auto result = check_sampling(params);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
    EXPECT_FALSE(result.error().param.empty());
  }
  EXPECT_EQ(check_sampling({.top_p = 2}).error().message,
            "top_p is 2, it must be above 0 and at most 1");
}

// Every parameter at every extreme, checked or not, alone and with others: some token that may be
// produced is, and nothing becomes NaN (one that did would leave no candidate).
TEST(Sampler, NoParametersLeaveNothing) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  constexpr float kLargest = std::numeric_limits<float>::max();
  constexpr float kTiny = std::numeric_limits<float>::denorm_min();
  using Double = std::numeric_limits<double>;
  // clang-format off
  const std::vector<double> extremes = {
      0.0, -0.0, 1, Double::denorm_min(), -Double::denorm_min(), Double::min(), 1e-38, 1e-45,
      double{kTiny}, 0.01, 0.999999, 2, -2, 100, 1e38, double{kLargest}, Double::max(),
      Double::lowest(), Double::infinity(), -Double::infinity(), Double::quiet_NaN()};
  // clang-format on
  const std::vector<std::vector<float>> logits = {
      {1, 2, 3, 4, 5, 6, 7, 8},
      {0, 0, 0, 0, 0, 0, 0, 0},
      {kLargest, -kLargest, kLargest, -kLargest, 0, kTiny, -kTiny, kLargest},
      {-kLargest, -kLargest, -kLargest, -kLargest, -kLargest, -kLargest, -kLargest, -kLargest},
      {-kInf, -kInf, -kInf, 3, -kInf, -kInf, -kInf, -kLargest},
      {kTiny, -kTiny, kTiny, 0, -0.0f, kTiny, kTiny, kTiny}};
  const std::vector<std::uint32_t> some = {0b10101000};
  const std::vector<TokenId> history = {0, 3, 3, 7, -4, 5, 900};
  std::size_t drawn = 0;
  const auto check = [&](const SamplingParams& params) {
    for (const std::vector<float>& row : logits)
      for (const bool masked : {false, true}) {
        Sampler sampler(params, {5, 700});
        const auto id = sampler.sample(
            row, history, 3,
            masked ? std::span<const std::uint32_t>(some) : std::span<const std::uint32_t>());
        ASSERT_TRUE(id.ok()) << id.error().message;
        ASSERT_TRUE(*id >= 0 && *id < 8 && *id != 5) << *id;
        const auto i = static_cast<std::size_t>(*id);
        ASSERT_NE(row[i], -kInf);
        ASSERT_TRUE(!masked || (some[0] >> i & 1) == 1);
        ++drawn;
      }
  };
  const auto set = [&](SamplingParams& params, int field, double value) {
    const auto narrow = static_cast<float>(std::clamp(value, -double{kLargest}, double{kLargest}));
    const float bias = std::isinf(value) || std::isnan(value) ? static_cast<float>(value) : narrow;
    switch (field) {
      case 0:
        params.temperature = value;
        break;
      case 1:
        params.top_p = value;
        break;
      case 2:
        params.min_p = value;
        break;
      case 3:
        params.repetition_penalty = value;
        break;
      case 4:
        params.presence_penalty = value;
        break;
      case 5:
        params.frequency_penalty = value;
        break;
      case 6:  // of all tokens; two of one that cancel out, were they infinite
        for (TokenId id = 0; id < 8; ++id) params.logit_bias.emplace_back(id, bias);
        params.logit_bias.emplace_back(3, -bias);
        break;
      case 7:
        params.top_k = std::isnan(value) ? std::numeric_limits<int>::min()
                                         : static_cast<int>(std::clamp(value, -2e9, 2e9));
        break;
      default:
        break;
    }
  };
  for (const double temperature : {0.0, 1.0})
    for (int a = 0; a < 8; ++a)
      for (const double x : extremes)
        for (int b = a; b < 8; ++b)
          for (const double y : extremes) {
            SamplingParams params{.temperature = temperature, .seed = 1};
            set(params, a, x);
            if (b != a) set(params, b, y);
            check(params);
            if (testing::Test::HasFatalFailure())
              FAIL() << "fields " << a << " = " << x << ", " << b << " = " << y;
            if (a == b) break;
          }
  std::mt19937 random(5);
  for (int round = 0; round < 5000; ++round) {
    SamplingParams params{.temperature = 1, .seed = random()};
    for (int field = 0; field < 8; ++field)
      if (random() % 2 == 0) set(params, field, extremes[random() % extremes.size()]);
    check(params);
    if (testing::Test::HasFatalFailure()) FAIL() << "round " << round;
  }
  EXPECT_GT(drawn, 100'000u);
}

TEST(Sampler, IdsWithoutATokenAreFound) {
  const auto ids = ids_without_token(*fake::tiny_tokenizer(), fake::kVocab);
  EXPECT_EQ(ids, (std::vector<TokenId>{313, 314, 315, 316, 317, 318, 319}));
}

}  // namespace
}  // namespace oc
