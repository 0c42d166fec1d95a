// What a quantisation is said to have lost, by layer and in answers.
#include "runtime/quantize/report.h"

#include <gtest/gtest.h>

#include <cmath>

namespace oc {
namespace {

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

}  // namespace
}  // namespace oc
