#include "api/config/settings.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

using Names = std::vector<std::string>;
using Strings = std::vector<std::string>;
using std::chrono::seconds;

Config from(const std::string& text) {
  Config config;
  config.read_json(text, "a.json");
  return config;
}

Settings settings_of(const std::string& text) {
  Config config = from(text);
  Settings settings = make_settings(config);
  EXPECT_TRUE(config.findings().empty()) << config.findings()[0].message;
  return settings;
}

Settings original(const std::string& name) {
  Config config;
  config.read_file(std::string(OC_SOURCE_DIR) + "/tests/data/config/" + name + ".json");
  Settings settings = make_settings(config);
  EXPECT_TRUE(config.findings().empty());
  return settings;
}

TEST(Settings, Defaults) {
  const Settings s = settings_of("{}");
  EXPECT_EQ(s.model.path, "demo");
  EXPECT_EQ(s.model.name, "");
  EXPECT_FALSE(s.fallback.enabled);
  EXPECT_EQ(s.defaults.sampling.temperature, 0);
  EXPECT_EQ(s.defaults.sampling.repetition_penalty, 1);
  EXPECT_EQ(s.defaults.time_limit, seconds(1800));
  EXPECT_FALSE(s.defaults.max_tokens_cap);
  EXPECT_FALSE(s.defaults.max_sequence);
  EXPECT_EQ(s.defaults.pictures.box.width, 0);
  EXPECT_TRUE(s.server.cors_origins.empty());
  EXPECT_EQ(s.service.default_max_tokens, 4096);
  EXPECT_EQ(s.service.image_cache_entries, kAnyNumber);
}

TEST(Settings, TheStandardServersFile) {
  const Settings s = original("phi3_vision");
  EXPECT_EQ(s.model.path, "mlx-community/Phi-3.5-vision-instruct-4bit");
  EXPECT_EQ(s.model.name, "Phi-3.5-Vision");
  EXPECT_EQ(s.model.id, "phi3_vision");
  EXPECT_EQ(s.model.engine.engine, "auto");
  EXPECT_TRUE(s.fallback.enabled);
  EXPECT_EQ(s.fallback.path, "microsoft/Phi-3.5-vision-instruct");
  EXPECT_EQ(s.fallback.engine.engine, "cpu");
  EXPECT_EQ(s.fallback.engine.activations, "f32");
  EXPECT_EQ(s.defaults.sampling.temperature, 0);  // do_sample is false
  EXPECT_EQ(s.defaults.sampling.top_p, 0.9);
  EXPECT_EQ(s.defaults.sampling.repetition_penalty, 1.1);
  EXPECT_EQ(s.defaults.time_limit, seconds(180));
  EXPECT_EQ(s.defaults.max_sequence, 2048);
  EXPECT_FALSE(s.defaults.max_tokens_cap);
  EXPECT_EQ(s.defaults.image_token, "<|image_1|>");
  EXPECT_EQ(s.defaults.pictures.box.width, 512);
  EXPECT_EQ(s.defaults.pictures.box.height, 512);
  EXPECT_TRUE(s.defaults.pictures.box.keep_aspect);
  EXPECT_EQ(s.service.default_max_tokens, 100);
  EXPECT_EQ(s.server.host, "0.0.0.0");
  EXPECT_TRUE(s.server.host_is_from_file);
  EXPECT_EQ(s.server.port, 8080);
  EXPECT_EQ(s.server.cors_origins, (Strings{"local"}));
  EXPECT_EQ(s.ui.capture_intervals.size(), 5u);
  EXPECT_EQ(s.ui.default_interval, 5000);
}

TEST(Settings, TheOptimisedServersFile) {
  const Settings s = original("phi3_vision_optimized");
  EXPECT_EQ(s.defaults.pictures.box.width, 384);
  EXPECT_EQ(s.defaults.sampling.repetition_penalty, 1.2);
  EXPECT_EQ(s.defaults.time_limit, seconds(60));
  EXPECT_EQ(s.defaults.max_tokens_cap, 150);
  EXPECT_EQ(s.defaults.stop, (Strings{"<|end|>", "<|endoftext|>"}));
  EXPECT_EQ(s.service.image_cache_entries, 15u);
  EXPECT_EQ(s.service.response_cache_entries, 50u);
}

// What they say in words of their own.
TEST(Settings, TheFilesOfTheOtherModels) {
  const Settings smol = original("smolvlm2_500m_video");
  EXPECT_EQ(smol.model.id, "smolvlm2_500m_video");
  EXPECT_EQ(smol.model.engine.device, "auto");  // mps
  EXPECT_EQ(smol.service.default_max_tokens, 75);
  EXPECT_EQ(smol.defaults.time_limit, seconds(90));
  EXPECT_EQ(smol.defaults.pictures.box.width, 384);
  EXPECT_EQ(smol.service.image_cache_entries, 20u);
  const Settings moon = original("moondream2");
  EXPECT_EQ(moon.model.path, "vikhyatk/moondream2");
  EXPECT_EQ(moon.defaults.time_limit, seconds(30));
  EXPECT_EQ(settings_of(R"({"inference": {"max_image_size": 100}})").defaults.pictures.box.width,
            100);
  EXPECT_EQ(
      settings_of(R"({"image_processing": {"enable_cache": false}})").service.image_cache_bytes,
      0u);
}

TEST(Settings, KnobsOfPicturesAreTheFamilies) {
  const auto knobs = [](const std::string& list) {
    return settings_of(R"({"image_processing": {"knobs": )" + list + "}}").defaults.knobs;
  };
  EXPECT_EQ(knobs(R"(["longest_edge=512", "num_crops=4"])"),
            (KnobValues{{"longest_edge", 512}, {"num_crops", 4}}));
  for (const char* wrong : {"crops=1", "num_crops", "num_crops=", "num_crops=x", "num_crops=4x",
                            "num_crops=0", "num_crops=65", "="}) {
    Config config = from(std::string(R"({"image_processing": {"knobs": [")") + wrong + R"("]}})");
    make_settings(config);
    ASSERT_EQ(config.findings().size(), 1u) << wrong;
    EXPECT_NE(config.findings()[0].message.find("image_processing.knobs"), std::string::npos);
  }
}

TEST(Settings, AliasesAreNamesForModels) {
  const auto of = [](const std::string& list) {
    Names out;
    for (const ModelAlias& alias :
         settings_of(R"({"server": {"served_names": )" + list + "}}").aliases)
      out.push_back(alias.name + " is " + alias.model);
    return out;
  };
  EXPECT_EQ(of(R"(["gpt-4o=phi", "a=org/b=c", "GPT-4o:latest=tiny"])"),
            (Names{"a is org/b=c", "GPT-4o:latest is tiny"}));
  EXPECT_EQ(of("[]"), Names{});
  for (const char* wrong : {"a", "a=", "=a", "a b=c", "a=b c", "", R"([\"a=b\"])"}) {
    Config config = from(std::string(R"({"server": {"served_names": [")") + wrong + R"("]}})");
    make_settings(config);
    ASSERT_EQ(config.findings().size(), 1u) << wrong;
    EXPECT_NE(config.findings()[0].message.find("NAME=MODEL"), std::string::npos);
  }
  Config config = from(R"({"server": {"served_names": ["a=b", "B=c"]}})");
  make_settings(config);
  ASSERT_EQ(config.findings().size(), 1u);
  EXPECT_NE(config.findings()[0].message.find("alias itself"), std::string::npos);
}

TEST(Settings, OfTwoBoundsInOneLayerTheStricterCounts) {
  EXPECT_EQ(
      settings_of(R"({"timeout": 60, "limits": {"timeout_seconds": 180}})").defaults.time_limit,
      seconds(60));
  EXPECT_EQ(settings_of(R"({"timeout": 0, "limits": {"timeout_seconds": 9}})").defaults.time_limit,
            seconds(9));
  EXPECT_EQ(settings_of(R"({"max_tokens": 50, "generation_config": {"max_new_tokens": 0}})")
                .service.default_max_tokens,
            50);
}

TEST(Settings, ALaterLayerCountsOverAStricterOne) {
  Config config = from(R"({"timeout": 60, "limits": {"timeout_seconds": 60}})");
  config.set_flag(*find_key("timeout"), Strings{"300"});
  EXPECT_EQ(make_settings(config).defaults.time_limit, seconds(300));
  config.set_flag(*find_key("timeout"), Strings{"0"});
  EXPECT_EQ(make_settings(config).defaults.time_limit, seconds(0));
}

TEST(Settings, TheCapBoundsTheDefaultLength) {
  const char* text =
      R"({"limits": {"max_tokens_cap": 150}, "generation_config": {"max_new_tokens": 0}})";
  EXPECT_EQ(settings_of(text).service.default_max_tokens, 150);
}

TEST(Settings, SamplingAsTransformersHasIt) {
  const auto temperature = [](const std::string& text) {
    return settings_of(R"({"generation_config": )" + text + "}").defaults.sampling.temperature;
  };
  EXPECT_EQ(temperature(R"({"temperature": 0.7})"), 0.7);
  EXPECT_EQ(temperature(R"({"temperature": 0.7, "do_sample": true})"), 0.7);
  EXPECT_EQ(temperature(R"({"temperature": 0.7, "do_sample": false})"), 0);
  Config config = from(R"({"generation_config": {"temperature": 0.7, "do_sample": false}})");
  config.set_flag(*find_key("generation_config.temperature"), Strings{"0.3"});
  EXPECT_EQ(make_settings(config).defaults.sampling.temperature, 0.3);
}

TEST(Settings, TheSmallestBoundOfPictures) {
  const ImageBox box = settings_of(R"({"image_processing": {"size": [512, 256], "max_size": 400},
                                         "limits": {"max_image_size": 1024}})")
                           .defaults.pictures.box;
  EXPECT_EQ(box.width, 400);
  EXPECT_EQ(box.height, 256);
  EXPECT_FALSE(settings_of(R"({"image_processing": {"preserve_aspect_ratio": false}})")
                   .defaults.pictures.box.keep_aspect);
}

TEST(Settings, AnyOfThreeKeysTurnsThePictureCacheOff) {
  for (const char* text : {R"({"image_processing": {"cache_enabled": false}})",
                           R"({"performance": {"image_caching": false}})",
                           R"({"optimization_flags": {"cache_image_preprocessing": false}})"})
    EXPECT_EQ(settings_of(text).service.image_cache_bytes, 0u) << text;
}

TEST(Settings, AnyOfThreeKeysTurnsTheFallbackOff) {
  const std::string path = R"("fallback_model_path": "m")";
  EXPECT_TRUE(settings_of("{\"fallback_config\": {" + path + "}}").fallback.enabled);
  for (const std::string& text :
       {"{\"fallback_config\": {\"enabled\": false, " + path + "}}",
        "{\"fallback_config\": {" + path +
            "}, \"mlx_config\": {\"fallback_to_transformers\": false}}",
        "{\"fallback_config\": {" + path +
            "}, \"optimization_flags\": {\"transformers_fallback\": false}}"})
    EXPECT_FALSE(settings_of(text).fallback.enabled) << text;
  EXPECT_FALSE(settings_of(R"({"fallback_config": {"enabled": true}})").fallback.enabled);
}

TEST(Settings, WhatComputes) {
  EXPECT_EQ(settings_of(R"({"device": "cpu"})").model.engine.device, "cpu");
  EXPECT_EQ(settings_of(R"({"mlx_config": {"use_mlx": false}})").model.engine.engine, "cpu");
  EXPECT_EQ(
      settings_of(R"({"device": "cpu", "engine": {"name": "reference"}})").model.engine.engine,
      "reference");
  EXPECT_EQ(settings_of(R"({"mlx_config": {"model_id": "a/b"}})").model.path, "a/b");
  EXPECT_EQ(settings_of(R"({"model_path": "c/d", "mlx_config": {"model_id": "a/b"}})").model.path,
            "c/d");
  EXPECT_EQ(settings_of(R"({"model_name": "N", "server": {"served_name": "S"}})").model.name, "S");
}

TEST(Settings, Cors) {
  const auto origins = [](const std::string& server) {
    return settings_of("{\"server\": " + server + "}").server.cors_origins;
  };
  EXPECT_EQ(origins(R"({"cors_origins": ["https://a.b"]})"), (Strings{"https://a.b"}));
  EXPECT_EQ(origins(R"({"cors_enabled": true, "cors_origins": ["*", "null"]})"),
            (Strings{"*", "null"}));
  EXPECT_TRUE(origins(R"({"cors_enabled": false, "cors_origins": ["*"]})").empty());
  EXPECT_TRUE(origins(R"({})").empty());
}

TEST(Settings, GuestsComeInWithAStockFileUnlessSomebodySaysNo) {
  const auto guests = [](bool stock, const char* flag) {
    Config config;
    config.read_json(R"({"server": {"cors_enabled": false}})", "a.json");
    config.set_stock(stock);
    if (*flag != '\0') config.set_assignment(flag);
    return make_settings(config).server.guests;
  };
  EXPECT_TRUE(guests(true, ""));
  EXPECT_TRUE(guests(true, "server.cors_enabled=true"));
  EXPECT_TRUE(guests(true, "server.cors_origins=https://a.b"));
  EXPECT_FALSE(guests(true, "server.cors_enabled=false"));
  EXPECT_FALSE(guests(false, ""));
  EXPECT_FALSE(guests(false, "server.cors_enabled=true"));
}

TEST(Settings, ASharedResponseCache) {
  const Settings none = settings_of("{}");
  EXPECT_FALSE(none.shared_responses);
  EXPECT_EQ(none.service.response_cache_bytes, 64u << 20);
  const Settings shared = settings_of(
      R"({"cache_settings": {"response_cache": "redis://:pw@cache:7000/2", "response_cache_mb": 8}})");
  ASSERT_TRUE(shared.shared_responses);
  EXPECT_EQ(shared.shared_responses->shown(), "cache:7000/2");
  EXPECT_EQ(shared.shared_responses->password, "pw");
  EXPECT_EQ(shared.service.response_cache_bytes, 8u << 20) << "the first level stays";
  // A number means the first level's size, as it did before there was another one.
  const Settings number = settings_of(R"({"cache_settings": {"response_cache": "16"}})");
  EXPECT_FALSE(number.shared_responses);
  EXPECT_EQ(number.service.response_cache_bytes, 16u << 20);
  Config layers = from(R"({"cache_settings": {"response_cache": "16"}})");
  layers.set_flag(*find_key("cache_settings.response_cache_mb"), std::vector<std::string>{"4"});
  EXPECT_EQ(make_settings(layers).service.response_cache_bytes, 4u << 20);
  Config wrong = from(R"({"cache_settings": {"response_cache": "redis://a:secret@b/c"}})");
  make_settings(wrong);
  ASSERT_EQ(wrong.findings().size(), 1u);
  EXPECT_EQ(wrong.findings()[0].message.find("secret"), std::string::npos);
  const auto shown = to_json(wrong).at("cache_settings.response_cache").as_object();
  EXPECT_EQ(shown.at("count"), 1);
  EXPECT_FALSE(shown.contains("value"));
}

TEST(Settings, EncodedPicturesOnDisk) {
  EXPECT_TRUE(settings_of("{}").image_cache_dir.empty());
  const Settings s = settings_of(R"({"cache_settings": {"image_cache_dir": "/var/cache/oc"}})");
  EXPECT_EQ(s.image_cache_dir, "/var/cache/oc");
  EXPECT_EQ(s.config.bytes("cache_settings.image_cache_dir_mb"), std::size_t{4096} << 20);
  EXPECT_TRUE(settings_of(R"({"cache_settings": {"image_cache_dir": "/var/cache/oc"},
                              "performance": {"image_caching": false}})")
                  .image_cache_dir.empty());
}

// A group alone waits for a --quantize that comes or does not.
TEST(Settings, QuantisingOnLoad) {
  EXPECT_FALSE(settings_of(R"({"engine": {"quantize_group": 32}})").model.quantize);
  Config group;
  group.set_assignment("engine.quantize_group=32");
  group.set_flag(*find_key("engine.quantize_group"), Strings{"32"});
  EXPECT_FALSE(make_settings(group).model.quantize);
  EXPECT_TRUE(group.findings().empty());
  const Settings both = settings_of(R"({"engine": {"quantize": 8, "quantize_group": 32}})");
  ASSERT_TRUE(both.model.quantize);
  EXPECT_EQ(both.model.quantize->bits, 8);
  EXPECT_EQ(both.model.quantize->group_size, 32);
  EXPECT_EQ(settings_of(R"({"engine": {"quantize": 4}})").model.quantize->group_size, 64);
}

TEST(Settings, WrongMeaningsAreErrorsOfTheirPlace) {
  for (const char* text :
       {R"({"server": {"cors_origins": ["example.org"]}})",
        R"({"server": {"cors_origins": ["https://a/"]}})",
        R"({"server": {"cors_origins": ["https://*.a"]}})", R"({"server": {"api_keys": ["a b"]}})",
        R"({"server": {"api_keys": ["ä"]}})", R"({"model_path": ""})",
        R"({"cache_settings": {"response_cache": "memcached://a"}})"}) {
    Config config = from(text);
    make_settings(config);
    ASSERT_EQ(config.findings().size(), 1u) << text;
    EXPECT_TRUE(config.findings()[0].message.starts_with("a.json: \"")) << text;
  }
}

}  // namespace
}  // namespace oc
