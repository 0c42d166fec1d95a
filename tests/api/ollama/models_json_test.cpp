#include "api/ollama/models_json.h"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <string>
#include <vector>

namespace oc {
namespace {

namespace json = boost::json;

ServedModel served(std::string name) {
  ServedModel out;
  out.name = std::move(name);
  out.architecture = "phi3_v";
  out.context_length = 4096;
  out.weights_bytes = 900;
  out.loaded_bytes = 1000;
  out.fingerprint = "ab";
  return out;
}

hub::InstalledModel installed(std::string name, std::string problem = "") {
  hub::InstalledModel out;
  out.name = std::move(name);
  out.bytes = 1200;
  out.architecture = "smolvlm";
  out.quantization = "8-bit";
  out.context_length = 2048;
  out.problem = std::move(problem);
  return out;
}

std::vector<std::string> names(const json::value& list) {
  std::vector<std::string> out;
  for (const json::value& one : list.at("models").as_array()) {
    EXPECT_EQ(one.at("name"), one.at("model"));
    out.emplace_back(one.at("name").as_string());
  }
  return out;
}

TEST(OllamaModels, EachIsListedOnceAndWhole) {
  std::vector<ServedModel> host = {served("a"), served("b")};
  host[1].aliases = {"org/b"};
  const std::vector<hub::InstalledModel> disk = {installed("org/b"), installed("c"),
                                                 installed("half", "a file is missing")};
  const json::value told = json::parse(ollama_tags_json(host, disk));
  EXPECT_EQ(names(told), (std::vector<std::string>{"a", "b", "c"}));
  const json::value& b = told.at("models").at(1);
  EXPECT_EQ(b.at("size"), 1200) << "all of its files";
  EXPECT_EQ(b.at("details").at("family"), "phi3_v");
  const json::value& c = told.at("models").at(2);
  EXPECT_EQ(c.at("details").at("family"), "smolvlm");
  EXPECT_EQ(c.at("details").at("quantization_level"), "8-bit");
  EXPECT_EQ(c.at("digest").as_string().size(), 64u);
}

TEST(OllamaModels, WhatWasRemovedIsNotListed) {
  std::vector<ServedModel> host = {served("a"), served("gone"), served("half"), served("here")};
  for (std::size_t i = 1; i < host.size(); ++i) {
    host[i].active = false;
    host[i].state = "absent";
  }
  const std::vector<hub::InstalledModel> disk = {installed("half", "cut off"), installed("here")};
  EXPECT_EQ(names(json::parse(ollama_tags_json(host, disk))),
            (std::vector<std::string>{"a", "here"}));
}

TEST(OllamaModels, ADigestIsItsFilesWhetherItIsLoadedOrNot) {
  const std::vector<hub::InstalledModel> disk = {installed("a")};
  const auto digest = [](const std::string& list) {
    return json::parse(list).at("models").at(0).at("digest");
  };
  const std::vector<ServedModel> host = {served("a")};
  const auto now = std::chrono::system_clock::now();
  EXPECT_EQ(digest(ollama_tags_json({}, disk)), digest(ollama_ps_json(host, disk, now)));
  std::vector<hub::InstalledModel> other = disk;
  other[0].origin = hub::Manifest{.hub = "", .repo = "org/a", .revision = "main", .commit = "c1"};
  EXPECT_NE(digest(ollama_tags_json({}, disk)), digest(ollama_tags_json({}, other)));
}

TEST(OllamaModels, ThoseThatAreLoaded) {
  std::vector<ServedModel> host = {served("a"), served("b"), served("c")};
  host[1].loaded_bytes = 0;
  host[2].keep_alive_s = 60;
  host[2].idle_s = 45;
  host[2].engine.name = "mlx";
  const auto now = std::chrono::system_clock::from_time_t(1'000'000'000);  // 01:46:40 of a Sunday
  const json::value told = json::parse(ollama_ps_json(host, {}, now));
  EXPECT_EQ(names(told), (std::vector<std::string>{"a", "c"}));
  EXPECT_EQ(told.at("models").at(0).at("size"), 1000);
  EXPECT_EQ(told.at("models").at(0).at("size_vram"), 0);
  EXPECT_EQ(told.at("models").at(1).at("size_vram"), 1000);
  EXPECT_EQ(told.at("models").at(0).at("context_length"), 4096);
  EXPECT_EQ(told.at("models").at(1).at("expires_at"), "2001-09-09T01:46:55Z");
  EXPECT_TRUE(told.at("models").at(0).at("expires_at").as_string().starts_with("2101-"))
      << "for ever, to their clients";
}

TEST(OllamaModels, One) {
  const ServedModel host = served("a");
  const json::value both = json::parse(ollama_show_json(&host, nullptr));
  EXPECT_EQ(both.at("model_info").at("phi3_v.context_length"), 4096);
  EXPECT_EQ(both.at("capabilities"), json::parse(R"(["completion","vision"])"));
  const hub::InstalledModel disk = installed("c");
  const json::value there = json::parse(ollama_show_json(nullptr, &disk));
  EXPECT_EQ(there.at("model_info").at("smolvlm.context_length"), 2048);
  EXPECT_EQ(there.at("details").at("format"), "safetensors");
}

}  // namespace
}  // namespace oc
