// Which tokenizers a folder of each revision loads with.
#include "models/moondream/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "engines/registry.h"
#include "io/json.h"
#include "io/json_text.h"
#include "models/synth.h"
#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

class MoondreamTokenizers : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = scratch_path("moondream-model");
    fs::remove_all(folder_);
    const auto written = write_synth(folder_, {.shape = "moondream2-tiny", .quant = "mlx4"});
    ASSERT_TRUE(written.ok()) << written.error().describe();
  }
  void TearDown() override { fs::remove_all(folder_); }

  // As published: config.json says nothing of the tokenizer's ids. An empty revision: nothing of
  // that either.
  void say(std::string_view revision) const {
    json::object config = read_json_object(folder_ / "config.json").value();
    json::object& sections = config["config"].as_object();
    json::object& tokenizer = sections["tokenizer"].as_object();
    tokenizer.erase("bos_id");
    tokenizer.erase("eos_id");
    tokenizer["templates"].as_object()["caption"].as_object()["long"] = {1, 304, 2, 305, 3};
    sections.erase("revision");
    if (!revision.empty()) sections["revision"] = revision;
    std::ofstream(folder_ / "config.json") << json_text(config);
  }
  // The tokenizer with the ids of starmie's control tokens: <|endoftext|> is the first of all.
  void write_starmie() const {
    json::object tokenizer = read_json_object(folder_ / "tokenizer.json").value();
    json::object& words = tokenizer["model"].as_object()["vocab"].as_object();
    for (auto& [word, id] : words) id = id.as_int64() + 1;
    json::array& added = tokenizer["added_tokens"].as_array();
    added[0].as_object()["id"] = 0;
    json::object sign = added[0].as_object();
    sign["id"] = added.back().at("id").as_int64() + 1;
    sign["content"] = "<|md_reserved_0|>";
    added.push_back(sign);
    std::ofstream(folder_ / "tokenizer.json") << json_text(tokenizer);
  }
  Result<std::unique_ptr<const Model>> load() const {
    return load_model(folder_, make_engine({.engine = "cpu"}).value());
  }
  Error error_of_loading() const {
    const auto model = load();
    return model.ok() ? Error{ErrorCode::kInternal, "it is loaded"} : model.error();
  }
  static bool has(const Error& error, std::string_view word) {
    return (error.message + "\n" + error.hint).find(word) != std::string::npos;
  }

  fs::path folder_;
};

TEST_F(MoondreamTokenizers, JuneOf2025LoadsWithStarmiesAlone) {
  say("2025-06-21");
  const Error stale = error_of_loading();  // as the hub's folder of that revision has it
  EXPECT_EQ(stale.code, ErrorCode::kCorrupt);
  for (const char* word : {"2025-06-21", "config.json", "moondream/starmie-v1", "as 512", "pull"})
    EXPECT_TRUE(has(stale, word)) << word << ": " << stale.describe();

  fs::remove(folder_ / "tokenizer.json");
  const Error none = error_of_loading();
  for (const char* word : {"2025-06-21", "moondream/starmie-v1", "there is none", "pull"})
    EXPECT_TRUE(has(none, word)) << word << ": " << none.describe();
}

TEST_F(MoondreamTokenizers, StarmiesTellsItsRevision) {
  say("");
  write_starmie();
  const auto model = load();
  ASSERT_TRUE(model.ok()) << model.error().describe();
  EXPECT_EQ((*model)->info().stop_ids, std::vector<TokenId>{0});
  EXPECT_TRUE(std::ranges::binary_search((*model)->info().banned_ids, 3)) << "a control token";
  ASSERT_EQ((*model)->info().notes.size(), 1u);
  EXPECT_NE((*model)->info().notes[0].find("2025-06-21 is not verified"), std::string::npos);
}

TEST_F(MoondreamTokenizers, WhatIsAssumedIsNoted) {
  EXPECT_TRUE(load().value()->info().notes.empty()) << "config.json says which revision it is";
  json::object config = read_json_object(folder_ / "config.json").value();
  config["config"].as_object().erase("revision");
  std::ofstream(folder_ / "config.json") << json_text(config);
  const auto notes = load().value()->info().notes;
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("2025-01-09 is assumed"), std::string::npos);
}

TEST_F(MoondreamTokenizers, OlderRevisionsRefuseStarmies) {
  write_starmie();
  for (const char* revision : {"2025-01-09", "2025-04-14"}) {
    say(revision);
    json::object config = read_json_object(folder_ / "config.json").value();
    // Their own id is none of so few tokens.
    config["config"].as_object()["tokenizer"].as_object()["bos_id"] = 512;
    config["config"].as_object()["tokenizer"].as_object()["eos_id"] = 512;
    std::ofstream(folder_ / "config.json") << json_text(config);
    const Error error = error_of_loading();
    EXPECT_EQ(error.code, ErrorCode::kCorrupt);
    for (const char* word : {revision, "as 0", "as 512", "\"revision\""})
      EXPECT_TRUE(has(error, word)) << word << ": " << error.describe();
  }
}

}  // namespace
}  // namespace oc
