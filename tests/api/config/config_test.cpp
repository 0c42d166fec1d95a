#include "api/config/config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "api/config/catalogue.h"

namespace oc {
namespace {

using Strings = std::vector<std::string>;
using testing::Test;

const std::string kOriginals = std::string(OC_SOURCE_DIR) + "/tests/data/config/";

Config from(const std::string& text) {
  Config config;
  config.read_json(text, "a.json");
  return config;
}

std::string only_finding(const Config& config) {
  EXPECT_EQ(config.findings().size(), 1u);
  return config.findings().empty() ? "" : config.findings()[0].message;
}

TEST(Schema, PathsFlagsAndVariablesAreUnique) {
  std::set<std::string> paths, flags, variables;
  for (const Key& key : schema()) {
    EXPECT_TRUE(paths.insert(std::string(key.path)).second) << key.path;
    EXPECT_TRUE(variables.insert(environment_name(key)).second) << environment_name(key);
    if (!key.flag.empty()) {
      EXPECT_TRUE(flags.insert(std::string(flag_name(key))).second) << key.flag;
    }
    EXPECT_FALSE(key.meaning.empty()) << key.path;
  }
}

TEST(Schema, NoKeyIsASectionOfAnother) {
  for (const Key& key : schema())
    for (const Key& other : schema())
      EXPECT_FALSE(other.path.starts_with(std::string(key.path) + ".")) << other.path;
}

TEST(Schema, NamesOfVariables) {
  EXPECT_EQ(environment_name(*find_key("server.port")), "OCELLUS_PORT");
  EXPECT_EQ(environment_name(*find_key("model_path")), "OCELLUS_MODEL");
  EXPECT_EQ(environment_name(*find_key("server.warm_up")), "OCELLUS_WARM_UP");
  EXPECT_EQ(environment_name(*find_key("generation_config.do_sample")),
            "OCELLUS_GENERATION_CONFIG_DO_SAMPLE");
}

TEST(Config, DefaultsAreThere) {
  const Config config;
  EXPECT_TRUE(config.findings().empty());
  EXPECT_EQ(config.get<std::int64_t>("server.port"), 8080);
  EXPECT_EQ(config.get<std::string>("server.host"), "127.0.0.1");
  EXPECT_FALSE(config.get<bool>("server.cors_enabled"));
  EXPECT_EQ(config.source("server.port").origin, SettingOrigin::kDefault);
  EXPECT_FALSE(config.is_set("ui.default_interval"));
}

TEST(Config, LaterLayersWinAndAreRemembered) {
  Config config = from(R"({"server": {"port": 1, "host": "a"}, "timeout": 7})");
  EXPECT_EQ(config.source("server.port").name, "a.json");
  config.read_environment(Strings{"PATH=/bin", "OCELLUS_PORT=2", "OCELLUS_TIME_LIMIT=8"});
  EXPECT_EQ(config.source("server.port").origin, SettingOrigin::kEnvironment);
  config.set_flag(*find_key("server.port"), Strings{"3"});
  EXPECT_TRUE(config.findings().empty());
  EXPECT_EQ(config.get<std::int64_t>("server.port"), 3);
  EXPECT_EQ(config.source("server.port").name, "--port");
  EXPECT_EQ(config.get<double>("timeout"), 8);
  EXPECT_EQ(config.source("timeout").name, "OCELLUS_TIME_LIMIT");
  EXPECT_EQ(config.get<std::string>("server.host"), "a");
  EXPECT_EQ(config.source("server.host").origin, SettingOrigin::kFile);
}

TEST(Config, NullAndAnEmptyVariableChangeNothing) {
  Config config = from(R"({"server": {"port": null}, "limits": null})");
  config.read_environment(Strings{"OCELLUS_PORT="});
  EXPECT_TRUE(config.findings().empty());
  EXPECT_EQ(config.source("server.port").origin, SettingOrigin::kDefault);
}

TEST(Config, EveryKindFromText) {
  Config config;
  config.read_environment(Strings{"OCELLUS_IMAGE_SIZE=640,480", "OCELLUS_CORS=yes",
                                  "OCELLUS_TEMPERATURE=0.25",
                                  "OCELLUS_CORS_ORIGIN=http://a,http://b"});
  EXPECT_EQ(config.get<std::vector<std::int64_t>>("image_processing.size"),
            (std::vector<std::int64_t>{640, 480}));
  EXPECT_TRUE(config.get<bool>("server.cors_enabled"));
  EXPECT_EQ(config.get<double>("generation_config.temperature"), 0.25);
  EXPECT_EQ(config.get<Strings>("server.cors_origins"), (Strings{"http://a", "http://b"}));
  config.set_assignment("limits.max_tokens_cap=150");
  EXPECT_EQ(config.get<std::int64_t>("limits.max_tokens_cap"), 150);
  EXPECT_EQ(config.source("limits.max_tokens_cap").name, "--set");
  EXPECT_TRUE(config.findings().empty());
}

TEST(Config, KeysOfAllLayersAddUp) {
  Config config = from(R"({"server": {"api_keys": ["a"]}})");
  config.read_environment(Strings{"OCELLUS_API_KEY=b,c"});
  config.set_flag(*find_key("server.api_keys"), Strings{"d"});
  EXPECT_EQ(config.get<Strings>("server.api_keys"), (Strings{"a", "b", "c", "d"}));
}

TEST(Config, TheProgramsLogLevelCountsOverTheGeneralOne) {
  for (const Strings& variables : {Strings{"LOG_LEVEL=DEBUG", "OCELLUS_LOG_LEVEL=error"},
                                   Strings{"OCELLUS_LOG_LEVEL=error", "LOG_LEVEL=DEBUG"}}) {
    Config config;
    config.read_environment(variables);
    EXPECT_EQ(config.get<std::string>("server.log_level"), "error");
  }
  Config config = from(R"({"server": {"log_level": "warning"}})");
  config.read_environment(Strings{"LOG_LEVEL=DEBUG"});
  EXPECT_EQ(config.get<std::string>("server.log_level"), "debug");
}

TEST(Config, WrongValuesNameFileKeyAndWhatIsAllowed) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"server": {"port": "8080"}})",
       R"(a.json: "server.port" must be an integer from 0 to 65535, found "8080")"},
      {R"({"server": {"port": 65536}})",
       R"(a.json: "server.port" must be an integer from 0 to 65535, found 65536)"},
      {R"({"server": {"port": 80.5}})",
       R"(a.json: "server.port" must be an integer from 0 to 65535, found 80.5)"},
      {R"({"server": {"cors_enabled": 1}})",
       R"(a.json: "server.cors_enabled" must be true or false, found 1)"},
      {R"({"timeout": -1})", R"(a.json: "timeout" must be a number from 0 to 86400, found -1)"},
      {R"({"timeout": 1e999})", R"(a.json: "timeout" must be a number from 0 to 86400, found inf)"},
      {R"({"device": "tpu"})", R"(a.json: "device" must be one of auto, cpu, gpu, mps, found "tpu")"},
      {R"({"image_processing": {"format": "BGR"}})",
       R"(a.json: "image_processing.format" must be RGB, found "BGR")"},
      {R"({"image_processing": {"size": [512]}})",
       R"(a.json: "image_processing.size" must be a list of 2 integers from 1 to 65535, found 1 of them)"},
      {R"({"image_processing": {"size": [512, 0]}})",
       R"(a.json: "image_processing.size" must be a list of 2 integers from 1 to 65535, found 0)"},
      {R"({"image_processing": {"size": 512}})",
       R"(a.json: "image_processing.size" must be a list of 2 integers from 1 to 65535, found 512)"},
      {R"({"engine": {"quantize": 12}})",
       R"(a.json: "engine.quantize" must be one of 4, 8, 0, found 12)"},
      {R"({"engine": {"quantize_group": 48}})",
       R"(a.json: "engine.quantize_group" must be one of 32, 64, 128, found 48)"},
      {R"({"model_name": ["x"]})",
       R"(a.json: "model_name" must be UTF-8 text of at most 65536 bytes, found an array)"},
      {R"({"server": 5})", R"(a.json: "server" must be an object of settings)"},
      {R"([])", "a.json: must be a JSON object"},
      {R"({"server": {"api_keys": "sk-secret"}})",
       R"(a.json: "server.api_keys" must be a list of at most 256 texts, found something else)"},
  };
  for (const auto& [text, message] : cases) {
    const Config config = from(text);
    EXPECT_TRUE(config.has_errors()) << text;
    EXPECT_EQ(only_finding(config), message);
  }
}

TEST(Config, AWrongValueLeavesTheOneBefore) {
  const Config config = from(R"({"server": {"port": "x"}})");
  EXPECT_EQ(config.get<std::int64_t>("server.port"), 8080);
}

TEST(Config, WrongFlagsAndVariablesNameThemselves) {
  Config config;
  config.set_flag(*find_key("server.port"), Strings{"70000"});
  config.read_environment(Strings{"OCELLUS_PORT=abc", "OCELLUS_LIMITS_MAX_IMAGE_SIZE=0"});
  config.set_assignment("timeout=soon");
  ASSERT_EQ(config.findings().size(), 4u);
  EXPECT_EQ(config.findings()[0].message, "--port must be an integer from 0 to 65535, found 70000");
  EXPECT_EQ(config.findings()[1].message,
            "OCELLUS_PORT must be an integer from 0 to 65535, found \"abc\"");
  EXPECT_EQ(config.findings()[2].message,
            "OCELLUS_LIMITS_MAX_IMAGE_SIZE: \"limits.max_image_size\" must be an integer from 1 to "
            "65535, found 0");
  EXPECT_EQ(config.findings()[3].message,
            "--set timeout must be a number from 0 to 86400, found \"soon\"");
}

TEST(Config, NumbersAsTextAreDecimal) {
  const auto timeout = [](const std::string& text) {
    Config config;
    config.set_flag(*find_key("timeout"), Strings{text});
    return config.findings().empty() ? config.get<double>("timeout") : -1.0;
  };
  EXPECT_EQ(timeout("7"), 7);
  EXPECT_EQ(timeout("0.5"), 0.5);
  EXPECT_EQ(timeout(".5"), 0.5);
  EXPECT_EQ(timeout("1.5e2"), 150);
  // What strtod would take as well, each on its own.
  for (const char* text : {" 7", "7 ", "+7", "0x7", "0x1p3", "inf", "nan", "7,5", "7s", "--7", "e1",
                           "1e", "1e999", "."})
    EXPECT_EQ(timeout(text), -1) << text;
}

TEST(Config, UnknownKeysAreWarningsWithTheNearestName) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {R"({"server": {"prot": 1}})", "server.prot", "server.port"},
      {R"({"port": 1})", "port", "server.port"},
      {R"({"time_out": 1})", "time_out", "timeout"},
      {R"({"sever": {"port": 1}})", "sever", "server"},
      {R"({"generation_config": {"repetion_penalty": 1}})", "generation_config.repetion_penalty",
       "generation_config.repetition_penalty"},
  };
  for (const auto& [text, key, nearest] : cases) {
    const Config config = from(text);
    EXPECT_FALSE(config.has_errors());
    EXPECT_EQ(only_finding(config), std::string("a.json: unknown key \"") + key +
                                        "\" is ignored; the nearest known is \"" + nearest + "\"");
  }
}

TEST(Config, WhatIsLikeNoKeyIsOfferedNone) {
  for (const std::string key : {"unknwon", "x", "colour", "somebody.elses.key"})
    EXPECT_EQ(only_finding(from("{\"" + key + "\": 1}")),
              "a.json: unknown key \"" + key + "\" is ignored");
}

TEST(Catalogue, SaysWhereItsFilesAreWanted) {
  const char* before = std::getenv("OCELLUS_CONFIGS");
  const std::string saved = before != nullptr ? before : "";
  const auto hint = [](const std::string& place) {
    ::setenv("OCELLUS_CONFIGS", place.c_str(), 1);
    const auto found = find_configuration("phi4_vision");
    return found.ok() ? "found" : found.error().hint;
  };
  EXPECT_EQ(hint("/nowhere"),
            "give the path of a file; the catalogue's files are not beside this "
            "program (OCELLUS_CONFIGS)");
  EXPECT_TRUE(hint(std::string(OC_SOURCE_DIR) + "/configs/models")
                  .starts_with("give the path of a file, or one of "));
  if (before != nullptr)
    ::setenv("OCELLUS_CONFIGS", saved.c_str(), 1);
  else
    ::unsetenv("OCELLUS_CONFIGS");
}

TEST(Config, MistypedVariablesAreToldOthersLeftAlone) {
  Config config;
  config.read_environment(
      Strings{"OCELLUS_PROT=1", "OCELLUS_BIN=x", "OCELLUS_HOME=/x", "OCELLUS_DEMO_MODEL=/y"});
  EXPECT_EQ(only_finding(config),
            "OCELLUS_PROT is no setting and is ignored; the nearest known is OCELLUS_PORT");
}

TEST(Config, AssignmentsNeedAKnownKey) {
  for (const char* text : {"server.prot=1", "server.port", "", "=1"}) {
    Config config;
    config.set_assignment(text);
    EXPECT_TRUE(config.has_errors()) << text;
  }
}

// What is typed may be a key under a wrong name.
TEST(Config, AssignmentsThatAreWrongShowNoValue) {
  for (const char* text : {"server.api_key=TOPSECRET", "server.api_kyes=TOPSECRET",
                           "nonsense=TOPSECRET", "=TOPSECRET", "TOPSECRET"}) {
    Config config;
    config.set_assignment(text);
    EXPECT_EQ(only_finding(config).find("SECRET"), std::string::npos) << only_finding(config);
  }
  Config config;
  config.set_assignment("server.prot=1");
  EXPECT_EQ(only_finding(config),
            "--set wants KEY=VALUE with a known key, found \"server.prot\"; the nearest known is "
            "\"server.port\"");
}

TEST(Config, ManyFindingsAreCutShort) {
  std::string text = "{";
  for (int i = 0; i < 5000; ++i) text += "\"k" + std::to_string(i) + "\": 1,";
  const Config config = from(text + "\"z\": 1}");
  EXPECT_EQ(config.findings().size(), 101u);
}

TEST(Config, BrokenJsonAndMissingFiles) {
  EXPECT_TRUE(from("{").has_errors());
  EXPECT_TRUE(from(std::string(40, '[')).has_errors());
  Config config;
  config.read_file("/no/such/file.json");
  EXPECT_TRUE(config.has_errors());
}

// Every key of the original's two files is known, and nothing about them is wrong.
TEST(Config, TheOriginalFilesHaveNoFindings) {
  for (const char* name : {"phi3_vision.json", "phi3_vision_optimized.json"}) {
    Config config;
    config.read_file(kOriginals + name);
    for (const Finding& finding : config.findings()) ADD_FAILURE() << finding.message;
    EXPECT_EQ(config.get<std::string>("model_path"), "mlx-community/Phi-3.5-vision-instruct-4bit");
    EXPECT_EQ(config.get<std::string>("server.host"), "0.0.0.0");
    EXPECT_EQ(config.get<std::int64_t>("limits.max_sequence_length"), 2048);
    EXPECT_FALSE(config.without_effect().empty());
  }
}

TEST(Config, SecretsAreOnlyCounted) {
  const Config config = from(R"({"server": {"api_keys": ["sk-secret"]}})");
  const auto shown = to_json(config).at("server.api_keys").as_object();
  EXPECT_EQ(shown.at("count"), 1);
  EXPECT_FALSE(shown.contains("value"));
}

// docs/configuration.md and the schema are the same list.
TEST(Config, EveryKeyIsDocumented) {
  std::ifstream file(std::string(OC_SOURCE_DIR) + "/docs/configuration.md");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  for (const Key& key : schema()) {
    EXPECT_NE(text.find("`" + std::string(key.path) + "`"), std::string::npos) << key.path;
    if (key.reason.empty()) {
      EXPECT_NE(text.find("`" + environment_name(key) + "`"), std::string::npos) << key.path;
    }
  }
}

}  // namespace
}  // namespace oc
