// Answers as bytes: all of one comes back, and nothing that is not one is taken.
#include "runtime/cache/response_codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>

namespace oc {
namespace {

// Every field set to something of its own.
GenerateResult full() {
  GenerateResult result;
  result.text = "drei Kreise – ○○○\n";
  result.ids = {5, 4, 305};
  result.finish_reason = FinishReason::kLength;
  result.stop_cause = StopCause::kContextFull;
  result.stop_string = "\n\n";
  result.stop_token = 306;
  result.warning = "why";
  result.seed = 0xfedcba9876543210;
  result.logprobs.resize(2);
  result.logprobs[0].bytes = "\xe2\x97";  // half a code point
  result.logprobs[0].logprob = -0.25;
  result.logprobs[0].top = {{"a", false, -0.25},
                            {"", true, -std::numeric_limits<double>::infinity()}};
  result.logprobs[1].control = true;
  result.objects = {{.x = 0.5, .y = -0.25}, {.x = 1, .y = 0, .width = 0.125, .height = 2}};
  result.more.resize(2);
  result.more[0].text = "another";
  result.more[0].ids = {1};
  result.more[1].stop_cause = StopCause::kStopString;
  result.scores = {{"yes", -0.5, -0.25, 0.75, 2}, {"no", -1.5, -0.75, 0.25, 2}};
  result.prompt_tokens = 800;
  result.image_tokens = 757;
  result.cached_tokens = 799;
  result.completion_tokens = 4;
  result.drafted_tokens = 3;
  result.accepted_tokens = 2;
  result.images.resize(2);
  return result;
}

void expect_same(const ScoredToken& a, const ScoredToken& b) {
  EXPECT_EQ(a.bytes, b.bytes);
  EXPECT_EQ(a.control, b.control);
  EXPECT_EQ(a.logprob, b.logprob);
}

void expect_same(const Answer& a, const Answer& b) {
  EXPECT_EQ(a.text, b.text);
  EXPECT_EQ(a.ids, b.ids);
  EXPECT_EQ(a.finish_reason, b.finish_reason);
  EXPECT_EQ(a.stop_cause, b.stop_cause);
  EXPECT_EQ(a.stop_string, b.stop_string);
  EXPECT_EQ(a.stop_token, b.stop_token);
  EXPECT_EQ(a.warning, b.warning);
  EXPECT_EQ(a.seed, b.seed);
  EXPECT_EQ(a.objects, b.objects);
  ASSERT_EQ(a.logprobs.size(), b.logprobs.size());
  for (std::size_t i = 0; i < a.logprobs.size(); ++i) {
    expect_same(a.logprobs[i], b.logprobs[i]);
    ASSERT_EQ(a.logprobs[i].top.size(), b.logprobs[i].top.size());
    for (std::size_t k = 0; k < a.logprobs[i].top.size(); ++k)
      expect_same(a.logprobs[i].top[k], b.logprobs[i].top[k]);
  }
}

TEST(ResultCodec, EveryFieldComesBack) {
  const GenerateResult a = full();
  const auto read = open_answer("key", seal_answer("key", a, 1234));
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->created, 1234);
  const GenerateResult& b = read->result;
  expect_same(a, b);
  ASSERT_EQ(b.more.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) expect_same(a.more[i], b.more[i]);
  ASSERT_EQ(b.scores.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(a.scores[i].text, b.scores[i].text);
    EXPECT_EQ(a.scores[i].logprob, b.scores[i].logprob);
    EXPECT_EQ(a.scores[i].mean_logprob, b.scores[i].mean_logprob);
    EXPECT_EQ(a.scores[i].probability, b.scores[i].probability);
    EXPECT_EQ(a.scores[i].tokens, b.scores[i].tokens);
  }
  EXPECT_EQ(a.prompt_tokens, b.prompt_tokens);
  EXPECT_EQ(a.image_tokens, b.image_tokens);
  EXPECT_EQ(a.cached_tokens, b.cached_tokens);
  EXPECT_EQ(a.completion_tokens, b.completion_tokens);
  EXPECT_EQ(a.drafted_tokens, b.drafted_tokens);
  EXPECT_EQ(a.accepted_tokens, b.accepted_tokens);
  EXPECT_FALSE(b.cached) << "that is for who serves it";
  EXPECT_TRUE(b.images.empty()) << "whoever reads it plans the pictures anew";
}

TEST(ResultCodec, AnythingElseIsRefused) {
  const std::string good = seal_answer("key", full(), 1234);
  EXPECT_FALSE(open_answer("another key", good).ok());
  EXPECT_FALSE(open_answer("key", "").ok());
  EXPECT_FALSE(open_answer("key", "hello").ok());
  EXPECT_FALSE(open_answer("key", std::string(1000, '\0')).ok());
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(open_answer("key", std::string_view(good).substr(0, size)).ok()) << size;
  EXPECT_FALSE(open_answer("key", good + '\0').ok());
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    EXPECT_FALSE(open_answer("key", bad).ok()) << at;
  }
  std::string newer = good;
  newer[7] = '9';
  EXPECT_FALSE(open_answer("key", newer).ok()) << "another layout";
}

// Whoever can write the values can also make the digest right.
TEST(ResultCodec, AForgedAnswerIsReadInsideItsBounds) {
  const std::string good = encode_result(full());
  ASSERT_TRUE(decode_result(good).ok());
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(decode_result(std::string_view(good).substr(0, size)).ok()) << size;
  EXPECT_FALSE(decode_result(good + '\0').ok());
  std::mt19937 random(1);
  int taken = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bad = good;
    for (int k = 0; k < 3; ++k) bad[random() % bad.size()] = static_cast<char>(random());
    const auto read = decode_result(bad);
    if (!read.ok()) continue;
    ++taken;
    EXPECT_EQ(encode_result(*read), bad) << "read as something that it does not say";
  }
  EXPECT_GT(taken, 0) << "changed numbers are numbers";
}

TEST(ResultCodec, ImpossibleValuesAreRefused) {
  const auto refused = [](const std::function<void(GenerateResult&)>& change) {
    GenerateResult result = full();
    change(result);
    return !decode_result(encode_result(result)).ok();
  };
  EXPECT_TRUE(refused([](auto& r) { r.text = "\xff"; }));
  EXPECT_TRUE(refused([](auto& r) { r.text = "\xe2\x97"; }));
  EXPECT_TRUE(refused([](auto& r) { r.stop_string = "\xc0\x80"; }));
  EXPECT_TRUE(refused([](auto& r) { r.finish_reason = static_cast<FinishReason>(2); }));
  EXPECT_TRUE(refused([](auto& r) { r.more[1].stop_cause = static_cast<StopCause>(77); }));
  EXPECT_TRUE(refused([](auto& r) { r.prompt_tokens = -1; }));
  EXPECT_TRUE(refused([](auto& r) { r.cached_tokens = 801; }));
  EXPECT_TRUE(refused([](auto& r) { r.scores[0].probability = std::nan(""); }));
  EXPECT_TRUE(refused([](auto& r) { r.image_tokens = -5; }));
  EXPECT_FALSE(refused([](auto&) {}));
}

}  // namespace
}  // namespace oc
