#include "models/phi3v/config.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <limits>

namespace oc {
namespace {

boost::json::object minimal() {
  return boost::json::parse(R"({
    "model_type": "phi3_v", "hidden_size": 128, "num_hidden_layers": 3, "num_attention_heads": 4,
    "intermediate_size": 256, "vocab_size": 559, "max_position_embeddings": 2048,
    "original_max_position_embeddings": 2048, "eos_token_id": [7, 9],
    "vision_config": {"hidden_size": 64, "num_hidden_layers": 5, "num_attention_heads": 4,
                      "intermediate_size": 128, "image_size": 336, "patch_size": 28}})")
      .as_object();
}

TEST(Phi3VConfig, ReadsWhatIsThereAndDefaultsTheRest) {
  const auto config = parse_phi3v_config(minimal(), nullptr, nullptr);
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->head_dim, 32);
  EXPECT_EQ(config->kv_heads, 4);
  EXPECT_EQ(config->merged(), 6);
  EXPECT_EQ(config->hd.num_crops, 4);
  EXPECT_EQ(config->eos_ids, (std::vector<TokenId>{7, 9}));
  EXPECT_EQ(config->short_factor, std::vector<double>(16, 1.0));
}

TEST(Phi3VConfig, VisionDefaultsToClipLarge) {
  boost::json::object object = minimal();
  object["vision_config"] = {{"intermediate_size", 4096}};  // as the published 4-bit conversion
  const auto config = parse_phi3v_config(object, nullptr, nullptr);
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->vision.hidden_size, 1024);
  EXPECT_EQ(config->vision.layers, 24);
  EXPECT_EQ(config->vision.heads, 16);
  EXPECT_EQ(config->vision.patches(), 576);
  EXPECT_EQ(config->merged(), 12);
}

TEST(Phi3VConfig, EveryErrorNamesFileAndKey) {
  struct Case {
    std::string key;
    boost::json::value value;  // null: removed
  };
  const Case cases[] = {
      {"model_type", "llama"},
      {"model_type", 5},
      {"hidden_size", nullptr},
      {"hidden_size", "big"},
      {"hidden_size", -1},
      {"hidden_size", 130},
      {"num_hidden_layers", 0},
      {"num_attention_heads", 3},
      {"num_key_value_heads", 3},
      {"vocab_size", 1e300},
      {"max_position_embeddings", nullptr},
      {"max_position_embeddings", 1},  // the logarithm of 1 would divide
      {"rms_norm_eps", 1e300},
      {"rope_theta", std::numeric_limits<double>::infinity()},  // what a parser makes of 1e999
      {"eos_token_id", "two"},
      {"rope_scaling", boost::json::object{{"type", "yarn"}}},
      {"rope_scaling", boost::json::object{{"type", "su"}, {"short_factor", {1}}}},
      {"vision_config", boost::json::object{{"patch_size", 100}}},
      {"vision_config", boost::json::object{{"num_attention_heads", 7}}}};
  for (const Case& c : cases) {
    boost::json::object object = minimal();
    if (c.value.is_null())
      object.erase(c.key);
    else
      object[c.key] = c.value;
    const auto config = parse_phi3v_config(object, nullptr, nullptr);
    ASSERT_FALSE(config.ok()) << c.key;
    EXPECT_NE(config.error().message.find("config.json"), std::string::npos)
        << config.error().message;
  }
}

TEST(Phi3VConfig, NormalisationGivesNumbers) {
  for (const char* text : {R"({"image_mean": [1e39, 0, 0]})", R"({"image_std": [1, 1e300, 1]})",
                           R"({"image_std": [1e-40, 1, 1]})", R"({"image_std": [1, 1, 0]})"}) {
    const auto preprocessor = boost::json::parse(text).as_object();
    const auto config = parse_phi3v_config(minimal(), &preprocessor, nullptr);
    ASSERT_FALSE(config.ok()) << text;
    EXPECT_EQ(config.error().message.find("preprocessor_config.json: \"image_"), 0u)
        << config.error().message;
  }
}

}  // namespace
}  // namespace oc
