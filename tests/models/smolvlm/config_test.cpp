#include "models/smolvlm/config.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace oc {
namespace {

namespace json = boost::json;

// The 500M's, as published: what the classes have for defaults is left out of vision_config.
json::object published() {
  return json::parse(R"({
    "model_type": "smolvlm", "image_token_id": 49190, "scale_factor": 4,
    "tie_word_embeddings": false, "vocab_size": 49280, "pad_token_id": 128002,
    "text_config": {
      "model_type": "llama", "hidden_size": 960, "intermediate_size": 2560, "head_dim": 64,
      "num_hidden_layers": 32, "num_attention_heads": 15, "num_key_value_heads": 5,
      "max_position_embeddings": 8192, "rms_norm_eps": 1e-05, "rope_theta": 100000,
      "rope_interleaved": false, "qk_layer_norms": false, "use_resampler": false,
      "pixel_shuffle_factor": 4, "pad_token_id": 2, "vocab_size": 49280},
    "vision_config": {
      "hidden_size": 768, "num_attention_heads": 12, "image_size": 512, "patch_size": 16,
      "max_image_size": {"longest_edge": 512}, "size": {"longest_edge": 2048}}})")
      .as_object();
}
json::object preprocessor() {
  return json::parse(R"({
    "do_convert_rgb": true, "do_image_splitting": true, "do_normalize": true, "do_pad": true,
    "do_rescale": true, "do_resize": true, "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5], "max_image_size": {"longest_edge": 512}, "resample": 1,
    "rescale_factor": 0.00392156862745098, "size": {"longest_edge": 1024},
    "video_sampling": {"fps": 1, "max_frames": 64, "video_size": {"longest_edge": 512}}})")
      .as_object();
}

Result<SmolVlmConfig> parse(const json::object& config) {
  return parse_smolvlm_config(config, nullptr, nullptr, nullptr);
}

TEST(SmolVlmConfigTest, ReadsThePublishedFileAndDefaultsWhatItLeavesOut) {
  const auto config = parse(published());
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->hidden_size, 960);
  EXPECT_EQ(config->heads, 15);
  EXPECT_EQ(config->kv_heads, 5);
  EXPECT_EQ(config->head_dim, 64);
  EXPECT_EQ(config->rope_theta, 100000);
  EXPECT_EQ(config->vision.layers, 12);
  EXPECT_EQ(config->vision.intermediate_size, 3072);
  EXPECT_EQ(config->vision.layer_norm_eps, 1e-6f);
  EXPECT_EQ(config->vision.patches(), 1024);
  EXPECT_EQ(config->view_tokens(), 64);
  EXPECT_EQ(config->image.tile, 512);
  EXPECT_EQ(config->image.longest_edge, 2048);
  EXPECT_TRUE(config->image.do_image_splitting);
  EXPECT_TRUE(config->eos_ids.empty());
}

TEST(SmolVlmConfigTest,
     APatchGridThatDoesNotFillTheView) {  // the 2.2B's: 27 patches of 14, 6 pixels over
  json::object object = published();
  object["scale_factor"] = 3;
  object["vision_config"] = {{"image_size", 384}, {"patch_size", 14}, {"intermediate_size", 4304}};
  const auto config = parse(object);
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->vision.patches(), 729);
  EXPECT_EQ(config->vision.hidden_size / config->vision.heads, 72);
  EXPECT_EQ(config->view_tokens(), 81);
  EXPECT_EQ(config->image.longest_edge, 1536);
}

TEST(SmolVlmConfigTest, LlamasDefaultsForHeads) {
  json::object object = published();
  json::object& text = object["text_config"].as_object();
  text["hidden_size"] = 2048;
  for (const char* key :
       {"num_attention_heads", "num_key_value_heads", "head_dim", "num_hidden_layers"})
    text.erase(key);
  const auto config = parse(object);
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->heads, 32);
  EXPECT_EQ(config->kv_heads, 32);
  EXPECT_EQ(config->head_dim, 64);
  EXPECT_EQ(config->layers, 32);
}

TEST(SmolVlmConfigTest, TransformersFiveWritesTheRotationElsewhere) {
  json::object object = published();
  json::object& text = object["text_config"].as_object();
  text.erase("rope_theta");
  const auto missing = parse(object);
  ASSERT_FALSE(missing.ok()) << "a default would be a guess";
  EXPECT_EQ(missing.error().message, "config.json: text_config: \"rope_theta\" is missing");
  text["rope_parameters"] = {{"rope_theta", 273768.0}, {"rope_type", "default"}};
  EXPECT_EQ(parse(object)->rope_theta, 273768);
  text["rope_parameters"] = {{"rope_theta", 273768.0}, {"rope_type", "yarn"}};
  EXPECT_EQ(parse(object).error().code, ErrorCode::kUnsupported);
}

TEST(SmolVlmConfigTest, TheOtherFiles) {
  const json::object pictures = preprocessor();
  const json::object processor = {{"image_seq_len", 64}};
  const json::object generation = {{"eos_token_id", 49279}};
  const auto config = parse_smolvlm_config(published(), &pictures, &processor, &generation);
  ASSERT_TRUE(config.ok()) << config.error().describe();
  EXPECT_EQ(config->image.longest_edge, 1024);
  EXPECT_EQ(config->image.max_frames, 64);
  EXPECT_EQ(config->image.frame_edge, 512);
  json::object others = preprocessor();
  others["video_sampling"] = {{"max_frames", 8}, {"video_size", {{"longest_edge", 256}}}};
  const auto short_videos = parse_smolvlm_config(published(), &others, nullptr, nullptr);
  EXPECT_EQ(short_videos->image.max_frames, 8);
  EXPECT_EQ(short_videos->image.frame_edge, 256);
  EXPECT_EQ(parse(published())->image.max_frames, 64);
  EXPECT_EQ(parse(published())->image.frame_edge, 512);
  EXPECT_EQ(config->eos_ids, (std::vector<TokenId>{49279}));
  const json::object several = {{"eos_token_id", {49279, 2}}};
  EXPECT_EQ(parse_smolvlm_config(published(), nullptr, nullptr, &several)->eos_ids,
            (std::vector<TokenId>{49279, 2}));
  const json::object other = {{"image_seq_len", 81}};
  EXPECT_NE(parse_smolvlm_config(published(), nullptr, &other, nullptr)
                .error()
                .message.find("image_seq_len is 81, config.json gives 64"),
            std::string::npos);
}

TEST(SmolVlmConfigTest, EveryErrorNamesFileAndKey) {
  struct Case {
    std::string section, key;
    json::value value;
    ErrorCode code = ErrorCode::kCorrupt;
  };
  const Case cases[] = {
      {"", "model_type", "idefics3", ErrorCode::kUnsupported},
      {"", "tie_word_embeddings", true, ErrorCode::kUnsupported},
      {"", "scale_factor", 5},
      {"", "text_config", 5},
      {"", "quantization", {{"group_size", 64}, {"bits", 6}}, ErrorCode::kUnsupported},
      {"", "quantization", {{"mode", "mxfp4"}}, ErrorCode::kUnsupported},
      {"text_config", "hidden_size", nullptr},
      {"text_config", "num_key_value_heads", 4},
      {"text_config", "head_dim", 63},
      {"text_config", "hidden_act", "gelu", ErrorCode::kUnsupported},
      {"text_config", "attention_bias", true, ErrorCode::kUnsupported},
      {"text_config", "rope_interleaved", true, ErrorCode::kUnsupported},
      {"text_config", "rope_scaling", {{"type", "linear"}}, ErrorCode::kUnsupported},
      {"text_config", "rope_theta", 0},
      {"text_config", "rms_norm_eps", 2},
      {"vision_config", "hidden_act", "gelu", ErrorCode::kUnsupported},
      {"vision_config", "num_attention_heads", 7},
      {"vision_config", "num_channels", 1},
      {"vision_config", "layer_norm_eps", -1},
  };
  for (const Case& c : cases) {
    json::object object = published();
    (c.section.empty() ? object : object[c.section].as_object())[c.key] = c.value;
    const auto config = parse(object);
    ASSERT_FALSE(config.ok()) << c.section << "." << c.key;
    EXPECT_EQ(config.error().code, c.code) << c.key << ": " << config.error().message;
    EXPECT_TRUE(config.error().message.starts_with("config.json: ")) << config.error().message;
    const std::string named = c.key == "head_dim" ? "heads of 63" : c.key;
    EXPECT_NE(config.error().message.find(named), std::string::npos) << config.error().message;
  }
  const std::pair<std::string, json::value> of_pictures[] = {
      {"do_rescale", false},
      {"do_normalize", 3},
      {"resample", 3},
      {"max_image_size", {{"longest_edge", 384}}},
      {"size", {{"longest_edge", 4096}}},  // 8 tiles a side: there are tokens for 6
      {"do_image_splitting", "no"},
      {"image_mean", {0.5, 0.5}},
      {"image_std", {0.5, 0.0, 0.5}},
      {"rescale_factor", 0},
      {"video_sampling", {{"max_frames", 0}}},
      {"video_sampling", 1},
  };
  for (const auto& [key, value] : of_pictures) {
    json::object object = preprocessor();
    object[key] = value;
    const auto config = parse_smolvlm_config(published(), &object, nullptr, nullptr);
    ASSERT_FALSE(config.ok()) << key;
    EXPECT_TRUE(config.error().message.starts_with("preprocessor_config.json: "))
        << config.error().message;
    EXPECT_NE(config.error().message.find(key), std::string::npos) << config.error().message;
  }
}

}  // namespace
}  // namespace oc
