// Several answers from one prompt, scored choices, and log-probabilities.
#include <gtest/gtest.h>

#include <cmath>
#include <future>
#include <map>
#include <numeric>

#include "base/log.h"
#include "runtime/decode/softmax.h"
#include "runtime/serving/generate.h"
#include "runtime/serving/service.h"
#include "tests/runtime/fake_model.h"

namespace oc {
namespace {

using fake::FakeModel;
using fake::kEnd;
using fake::kVocab;

// Logits that depend on every token so far; words are likelier than control tokens.
std::vector<float> mixed(std::span<const TokenId> ids) {
  std::uint32_t state = 1;
  for (const TokenId id : ids) state = state * 31 + static_cast<std::uint32_t>(id);
  std::vector<float> logits;
  for (std::int64_t i = 0; i < kVocab; ++i) {
    state = state * 1664525 + 1013904223;
    logits.push_back(static_cast<float>(state >> 20) / 1024.0f + (i >= 259 && i < 306 ? 3 : 0));
  }
  return logits;
}

GenerateRequest question(std::string text) {
  GenerateRequest request;
  request.messages = {{Role::kUser, {TextPart{std::move(text)}}}};
  request.max_tokens = 12;
  return request;
}

double logprob(std::span<const TokenId> before, TokenId id) {
  const std::vector<float> logits = mixed(before);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  return logits[static_cast<std::size_t>(id)] - std::log(sum);
}

class SessionTest : public testing::Test {
 protected:
  void SetUp() override { log::configure(log::Level::kOff, log::Format::kText); }
  void TearDown() override { log::configure_from_environment(); }
  FakeModel& serve(ServiceOptions options = {}) {
    auto owned = std::make_unique<FakeModel>(mixed);
    FakeModel& model = *owned;
    auto loaded = std::make_shared<LoadedModel>();
    loaded->model = std::move(owned);
    service = std::make_unique<Service>(std::move(loaded), options);
    return model;
  }
  GenerateResult ask(GenerateRequest request, const Service::OnText& text = nullptr) {
    std::promise<Result<GenerateResult>> done;
    const auto job = service->submit(std::move(request), text,
                                     [&](auto result) { done.set_value(std::move(result)); });
    EXPECT_TRUE(job.ok()) << job.error().message;
    auto result = done.get_future().get();
    EXPECT_TRUE(result.ok()) << result.error().message;
    return *std::move(result);
  }
  std::unique_ptr<Service> service;
};

TEST_F(SessionTest, EachAnswerIsWhatItsSeedGivesAlone) {
  FakeModel& model = serve();
  GenerateRequest request = question("hello");
  request.sampling.temperature = 1;
  request.sampling.seed = 7;
  request.n = 4;
  std::map<std::size_t, std::string> streamed;
  const GenerateResult together =
      ask(request, [&](const AnswerPiece& piece) { streamed[piece.choice] += piece.text; });
  service->drain();
  std::int64_t prefills = 0;
  for (const fake::Step& step : model.steps) prefills += step.position == 0;
  EXPECT_EQ(prefills, 1) << "one prompt for all";
  ASSERT_EQ(together.more.size(), 3u);
  request.n = 1;
  serve();
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    request.sampling.seed = 7 + i;
    const GenerateResult alone = ask(request);
    const Answer& one = i == 0 ? together : together.more[i - 1];
    EXPECT_EQ(one.ids, alone.ids);
    EXPECT_EQ(one.text, alone.text);
    EXPECT_EQ(one.seed, 7 + i);
    EXPECT_EQ(streamed[i], alone.text);
    tokens += alone.completion_tokens;
  }
  EXPECT_EQ(together.completion_tokens, tokens);
  EXPECT_NE(together.ids, together.more[0].ids);
  // generate() gives the same, one answer after the other.
  request.n = 4;
  request.sampling.seed = 7;
  const FakeModel local(mixed);
  const auto again = generate(local, request, {});
  ASSERT_TRUE(again.ok());
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(again->more[i].ids, together.more[i].ids);
}

TEST_F(SessionTest, GreedyAnswersAreEqualAndLimitsHold) {
  serve({.max_running = 3});
  GenerateRequest request = question("world");
  request.n = 3;
  const GenerateResult result = ask(request);
  for (const Answer& other : result.more) EXPECT_EQ(other.ids, result.ids);
  request.n = 4;
  const auto refused = service->submit(request, nullptr, [](auto) { FAIL(); });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().param, "n");
}

TEST_F(SessionTest, EveryAnswerCountsInAdmission) {
  FakeModel& model = serve({.max_running = 4, .kv_bytes = 64 * 3});
  model.mutable_info().kv_token_bytes = 1;
  GenerateRequest request = question("hello");
  request.n = 3;  // a block each
  EXPECT_EQ(ask(request).more.size(), 2u);
  request.n = 4;
  const auto refused = service->submit(request, nullptr, [](auto) { FAIL(); });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kContextLength);
}

TEST_F(SessionTest, LogprobsAreOfTheRawLogits) {
  serve({.response_cache_bytes = 1 << 20});
  GenerateRequest request = question("hello");
  request.sampling.temperature = 0.7;
  request.sampling.seed = 3;
  request.sampling.logit_bias = {{280, 4.0f}};
  request.logprobs = true;
  request.top_logprobs = 3;
  std::string text;
  std::vector<double> streamed;
  const Service::OnText on_text = [&](const AnswerPiece& piece) {
    text += piece.text;
    for (const TokenLogprobs& token : piece.tokens) streamed.push_back(token.logprob);
  };
  const GenerateResult result = ask(request, on_text);
  EXPECT_EQ(text, result.text);
  ASSERT_EQ(result.logprobs.size(), result.ids.size());
  std::vector<TokenId> before = {1};
  for (const TokenId id : fake::tiny_tokenizer()->encode("hello", false)) before.push_back(id);
  std::string bytes;
  for (std::size_t i = 0; i < result.ids.size(); ++i) {
    const TokenLogprobs& token = result.logprobs[i];
    EXPECT_NEAR(token.logprob, logprob(before, result.ids[i]), 1e-9);
    EXPECT_EQ(token.logprob, streamed[i]);
    const std::vector<float> logits = mixed(before);
    const auto best = top_ids(logits, 3, std::vector<TokenId>{313, 314, 315, 316, 317, 318, 319});
    ASSERT_EQ(token.top.size(), 3u);
    for (std::size_t j = 0; j < 3; ++j)
      EXPECT_NEAR(token.top[j].logprob, logprob(before, best[j]), 1e-9);
    if (!token.control) bytes += token.bytes;
    before.push_back(result.ids[i]);
  }
  if (result.text.find("\xef\xbf\xbd") == std::string::npos) {
    EXPECT_EQ(bytes, result.text);
  }
  streamed.clear();
  const GenerateResult known = ask(request, on_text);
  EXPECT_TRUE(known.cached);
  EXPECT_EQ(streamed.size(), result.logprobs.size());
  request.top_logprobs = 2;
  EXPECT_FALSE(ask(request).cached);
}

TEST_F(SessionTest, WhatAStopStringHidesHasNoLogprobs) {
  const auto model = FakeModel::answering({287, 291, 287, kEnd});
  GenerateRequest request = question("hello");
  request.logprobs = true;
  request.stop = {"wor"};
  const auto result = generate(*model, request, {});
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->text, "hello ");
  EXPECT_LE(result->logprobs.size(), 2u);
  EXPECT_EQ(result->logprobs.front().bytes, "hello");
}

TEST_F(SessionTest, ChoicesAreScoredWithTheirEnd) {
  FakeModel& model = serve();
  GenerateRequest request = question("hello");
  request.choices = {"world", "hello world", "ab", "abc st"};
  std::string streamed;
  const GenerateResult all =
      ask(request, [&](const AnswerPiece& piece) { streamed += piece.text; });
  service->drain();
  std::int64_t prefills = 0;
  for (const fake::Step& step : model.steps) prefills += step.position == 0;
  EXPECT_EQ(prefills, 1);
  serve();
  ASSERT_EQ(all.scores.size(), 4u);
  double total = 0, best = -1e9;
  for (std::size_t i = 0; i < 4; ++i) {
    const ChoiceScore& score = all.scores[i];
    std::vector<TokenId> ids = {1};
    for (const TokenId id : fake::tiny_tokenizer()->encode("hello", false)) ids.push_back(id);
    double expected = 0;
    const auto choice = fake::tiny_tokenizer()->encode(request.choices[i], false);
    for (const TokenId id : choice) {
      expected += logprob(ids, id);
      ids.push_back(id);
    }
    expected += std::log(std::exp(logprob(ids, 2)) + std::exp(logprob(ids, kEnd)));
    EXPECT_NEAR(score.logprob, expected, 1e-9);
    EXPECT_EQ(score.tokens, std::ssize(choice) + 1);
    EXPECT_DOUBLE_EQ(score.mean_logprob, score.logprob / static_cast<double>(score.tokens));
    total += score.probability;
    if (score.logprob > best) {
      best = score.logprob;
      EXPECT_EQ(all.text == score.text,
                best == std::max({all.scores[0].logprob, all.scores[1].logprob,
                                  all.scores[2].logprob, all.scores[3].logprob}));
    }
    // Alone, to the bit.
    GenerateRequest alone = question("hello");
    alone.choices = {request.choices[i]};
    const GenerateResult one = ask(alone);
    EXPECT_EQ(one.scores[0].logprob, score.logprob);
    EXPECT_EQ(one.scores[0].probability, 1);
  }
  EXPECT_NEAR(total, 1, 1e-12);
  EXPECT_EQ(streamed, all.text);
  request.sampling.temperature = 1;
  const auto refused = service->submit(request, nullptr, [](auto) { FAIL(); });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().param, "temperature");
}

TEST_F(SessionTest, ALongChoiceIsScoredInPiecesAndInItsRopeRegime) {
  const FakeModel whole(mixed);
  GenerateRequest request = question("hello");
  std::string text;
  for (int i = 0; i < 40; ++i) text += "hello world ";
  request.choices = {text, "world"};
  const auto expected = generate(whole, request, {});
  ASSERT_TRUE(expected.ok());
  FakeModel& model = serve({.shared_chunk = 16});
  model.regime_limit = 20;  // the long choice is computed anew
  const GenerateResult chunked = ask(request);
  for (std::size_t i = 0; i < 2; ++i)
    EXPECT_EQ(chunked.scores[i].logprob, expected->scores[i].logprob);
}

TEST_F(SessionTest, ADamagedModelScoresNothing) {
  for (const bool within : {false, true}) {  // a choice, or behind the prompt
    const FakeModel* self = nullptr;
    auto owned = std::make_unique<FakeModel>([&self, within](std::span<const TokenId> ids) {
      std::vector<float> logits = mixed(ids);
      if (!within || std::ssize(ids) > self->prompt_length) logits[5] = std::nanf("");
      return logits;
    });
    self = owned.get();
    auto loaded = std::make_shared<LoadedModel>();
    loaded->model = std::move(owned);
    service = std::make_unique<Service>(std::move(loaded), ServiceOptions{});
    GenerateRequest request = question("hello");
    request.max_tokens.reset();
    request.choices = {"world hello world hello", "hello"};
    std::promise<Result<GenerateResult>> done;
    const auto job =
        service->submit(request, nullptr, [&](auto result) { done.set_value(std::move(result)); });
    ASSERT_TRUE(job.ok());
    const auto result = done.get_future().get();
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().message, "the model produced nan as the logit of token 5");
  }
}

TEST(Softmax, IsExactWhereItMustBe) {
  const std::vector<float> equal(4, 2.0f);
  EXPECT_NEAR(log_sum_exp(equal), 2 + std::log(4.0), 1e-15);
  EXPECT_EQ(top_ids(equal, 2, std::vector<TokenId>{0}), (std::vector<TokenId>{1, 2}));
  EXPECT_EQ(log_sum_exp(std::vector<double>{-1000, -5000}), -1000);
}

}  // namespace
}  // namespace oc
