// What a quantisation is said to have lost, by layer and in answers.
#include "runtime/quantize/report.h"

#include <gtest/gtest.h>

#include <cmath>

#include "runtime/quantize/score.h"
#include "tests/runtime/fake_model.h"

namespace oc {
namespace {

using fake::FakeModel;
using fake::kEnd;

TensorReport tensor(std::string name, TensorAction action, double error) {
  return {std::move(name), action, 100, {.error = error, .signal = 4}};
}

std::vector<TensorReport> some_tensors() {
  return {tensor("lm_head.weight", TensorAction::kCast, 0),
          tensor("model.layers.10.o_proj.weight", TensorAction::kQuantize, 1),
          tensor("model.layers.2.o_proj.weight", TensorAction::kQuantize, 1),
          tensor("model.layers.2.mlp.down_proj.weight", TensorAction::kQuantize, 16),
          tensor("model.layers.2.norm.weight", TensorAction::kCast, 100)};
}

TEST(QuantizeReport, LayersSumTheirQuantisedTensors) {
  const std::vector<LayerReport> layers = by_layer(some_tensors());
  ASSERT_EQ(layers.size(), 3u);
  EXPECT_EQ(layers[0].name, "lm_head");
  EXPECT_EQ(layers[0].quantized, 0u);
  EXPECT_EQ(layers[0].elements, 100u);
  EXPECT_EQ(layers[1].name, "model.layers.2");
  EXPECT_EQ(layers[1].quantized, 200u);
  EXPECT_EQ(layers[1].elements, 300u);
  EXPECT_DOUBLE_EQ(layers[1].deviation.relative_rms(), std::sqrt(17.0 / 8));
  EXPECT_EQ(layers[1].worst, "model.layers.2.mlp.down_proj.weight");
  EXPECT_DOUBLE_EQ(layers[1].worst_rms, 2);
  EXPECT_EQ(layers[2].name, "model.layers.10");
}

TEST(QuantizeReport, TablesAndJsonSayTheSame) {
  QuantizeReport report{
      .tensors = some_tensors(), .input_bytes = 8'000'000, .output_bytes = 2'000'000};
  EXPECT_FALSE(report.to_json().contains("pictures"));
  report.pictures = {{"a.png", "yes", 4, 4, -2, -3}, {"b.png", "no", 6, 3, -2, -5}};
  const auto json = report.to_json();
  EXPECT_DOUBLE_EQ(json.at("relative_rms").as_double(), std::sqrt(18.0 / 12));
  const auto& pictures = json.at("pictures").as_object();
  EXPECT_EQ(pictures.at("same_answers"), 1);
  EXPECT_DOUBLE_EQ(pictures.at("token_agreement").as_double(), 0.7);
  EXPECT_DOUBLE_EQ(pictures.at("mean_logprob_input").as_double(), -0.4);
  EXPECT_DOUBLE_EQ(pictures.at("mean_logprob_output").as_double(), -0.8);
  EXPECT_DOUBLE_EQ(pictures.at("perplexity_output").as_double(), std::exp(0.8));
  const std::string table = report.table();
  for (const char* part : {"model.layers.2 ", "2.00000 mlp.down_proj.weight", "8.0 MB to 2.0 MB",
                           "b.png", "1 of 2 answers are the same, 70.0 % of tokens"})
    EXPECT_NE(table.find(part), std::string::npos) << part << " in\n" << table;
}

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

  const PictureScore scored = score(question(), *input->tokenizer(), *first, *second);
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
