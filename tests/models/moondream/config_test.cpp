#include "models/moondream/config.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace oc {
namespace {

namespace json = boost::json;

Result<MoondreamConfig> parse(std::string_view text, std::string_view revision = "2025-01-09") {
  return parse_moondream_config(json::parse(text).as_object(),
                                {moondream_revision(revision), "a test"});
}

// As published: everything is the code's default.
TEST(MoondreamConfigTest, ReadsThePublishedFile) {
  const auto config = parse(R"({"model_type": "moondream1", "config": {}})");
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->hidden_size, 2048);
  EXPECT_EQ(config->layers, 24);
  EXPECT_EQ(config->head_dim(), 64);
  EXPECT_EQ(config->rotated(), 32);
  EXPECT_EQ(config->vocab_size, 51200);
  EXPECT_EQ(config->vision.grid(), 27);
  EXPECT_EQ(config->vision.layers, 27);
  EXPECT_EQ(config->vision.layer_norm_eps, 1e-5f);
  EXPECT_EQ(config->image_rows(), 729);
  EXPECT_EQ(config->window(), 266);
  EXPECT_EQ(config->margin(), 112);
  EXPECT_EQ(config->coord_bins, 1024);
  EXPECT_EQ(config->size_bins, 1024);
  EXPECT_EQ(config->prompts.bos, 50256);
  EXPECT_EQ(config->prompts.query.prefix, (std::vector<TokenId>{198, 198, 24361, 25}));
  EXPECT_FALSE(config->prompts.captions.contains(CaptionLength::kLong));
  EXPECT_TRUE(parse(R"({"model_type": "moondream2"})").ok()) << "mlx-vlm's";
}

TEST(MoondreamConfigTest, PromptsAreOfTheRevision) {
  const auto april = parse(R"({"model_type": "moondream1"})", "2025-04-14");
  EXPECT_EQ(april->prompts.captions.at(CaptionLength::kLong),
            (std::vector<TokenId>{198, 198, 14617, 8305, 25}));
  const auto june = parse(R"({"model_type": "moondream1"})", "2025-06-21");
  EXPECT_EQ(june->prompts.bos, 0);
  EXPECT_EQ(june->prompts.query.suffix, (std::vector<TokenId>{3, 3}));
  EXPECT_EQ(june->prompts.control_ids, std::vector<TokenId>{3});
}

TEST(MoondreamConfigTest, WhatTheFileSaysOverridesTheCode) {
  const auto config = parse(R"({"model_type": "moondream1", "config": {
    "text": {"dim": 1024, "ff_dim": 4096, "n_heads": 16, "n_kv_heads": 16},
    "vision": {"enc_dim": 720, "enc_n_heads": 10, "enc_ff_dim": 2690, "proj_out_dim": 1024},
    "region": {"dim": 1024},
    "tokenizer": {"bos_id": 7, "eos_id": 8, "templates": {
      "query": {"prefix": [1], "suffix": [2]}, "caption": {"short": [3, 4]}}}}})");
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->vision.hidden_size, 720);
  EXPECT_EQ(config->prompts.eos, 8);
  EXPECT_EQ(config->prompts.query.prefix, std::vector<TokenId>{1});
  EXPECT_EQ(config->prompts.captions.at(CaptionLength::kShort), (std::vector<TokenId>{3, 4}));
}

TEST(MoondreamConfigTest, RefusesWhatIsNotDone) {
  const auto refused = [](std::string_view text, std::string_view word) {
    const auto config = parse(text);
    ASSERT_FALSE(config.ok()) << text;
    EXPECT_NE(config.error().message.find(word), std::string::npos) << config.error().message;
  };
  refused(R"({"model_type": "moondream1", "text_config": {"model_type": "phi"}})", "2024-08-26");
  refused(R"({"model_type": "moondream1", "quantization": {"bits": 6}})", "6 bits");
  refused(R"({"model_type": "moondream1", "config": {"text": {"n_kv_heads": 8}}})", "n_kv_heads");
  refused(R"({"model_type": "moondream1", "config": {"text": {"prefix_attn": 731}}})",
          "prefix_attn");
  refused(R"({"model_type": "moondream1", "config": {"text": {"dim": 2046}}})", "dim");
  refused(R"({"model_type": "moondream1", "config": {"vision": {"overlap_margin": 14}}})",
          "overlap_margin");
  refused(R"({"model_type": "moondream1", "config": {"text": {"vocab_size": 1000}}})",
          "vocab_size");
  refused(R"({"model_type": "phi3_v"})", "phi3_v");
}

}  // namespace
}  // namespace oc
