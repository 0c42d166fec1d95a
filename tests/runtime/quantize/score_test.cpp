// How far a quantised model goes along with the answers of the one that it was made of.
#include "runtime/quantize/score.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/runtime/fake_model.h"

namespace oc {
namespace {

using fake::FakeModel;
using fake::kEnd;

ScoreQuestion question() {
  auto image = std::make_shared<Image>();
  image->width = image->height = 1;
  image->rgb.resize(3);
  return {image, "p.png", "hello"};
}

// ln of the probability that one_hot() gives to its token.
const double kHot = 10 - std::log(std::exp(10.0) + fake::kVocab - 1);
const double kCold = kHot - 10;

TEST(QuantizeScore, AnswersAreFollowedTokenByToken) {
  const TokenId a = 270, b = 280, c = 290;
  const auto input = FakeModel::answering({a, b, kEnd});
  const auto first = follow(*input, question(), 10, {});
  ASSERT_TRUE(first.ok()) << first.error().describe();
  EXPECT_EQ(first->ids, (std::vector<TokenId>{a, b, kEnd}));
  EXPECT_EQ(first->first, first->ids);
  EXPECT_NEAR(first->logprob, 3 * kHot, 1e-6);
  EXPECT_EQ(input->tiles, 4) << "the picture was encoded";

  const auto output = FakeModel::answering({a, c, kEnd});
  const auto second = follow(*output, question(), 10, first->ids);
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second->ids, first->ids);
  EXPECT_EQ(second->first, (std::vector<TokenId>{a, c, kEnd}));
  EXPECT_NEAR(second->logprob, 2 * kHot + kCold, 1e-6);

  const ImageScore scored = score(question(), *input->tokenizer(), *first, *second);
  EXPECT_EQ(scored.tokens, 3u);
  EXPECT_EQ(scored.agreed, 2u);
  EXPECT_FALSE(scored.same_answer());
  EXPECT_NEAR(scored.output_logprob - scored.input_logprob, -10, 1e-6);
  EXPECT_TRUE(score(question(), *input->tokenizer(), *first, *first).same_answer());
}

TEST(QuantizeScore, TheLimitHoldsAndAChangeOfRegimeComputesAgain) {
  const auto model = FakeModel::answering(std::vector<TokenId>(20, 270));
  const auto path = follow(*model, question(), 5, {});
  ASSERT_TRUE(path.ok());
  EXPECT_EQ(path->ids.size(), 5u);
  model->steps.clear();
  model->truncations.clear();
  model->regime_limit = model->prompt_length + 2;
  ASSERT_TRUE(follow(*model, question(), 5, {}).ok());
  EXPECT_EQ(model->truncations, std::vector<std::int64_t>{0});
  EXPECT_EQ(model->steps.back().regime, 1);
  EXPECT_EQ(model->steps.front().regime, 0);
}

TEST(QuantizeScore, ErrorsComeThrough) {
  const auto model = FakeModel::answering({270});
  EXPECT_EQ(follow(*model, question(), 1, {}, [] { return true; }).error().code,
            ErrorCode::kCancelled);
  ScoreQuestion longer = question();
  longer.text.assign(5000, 'x');
  EXPECT_EQ(follow(*model, longer, 1, {}).error().code, ErrorCode::kContextLength);
}

}  // namespace
}  // namespace oc
