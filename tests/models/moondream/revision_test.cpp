#include "models/moondream/revision.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

class MoondreamRevisions : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = scratch_path("revision");
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }
  Result<FoundRevision> find(const boost::json::object& settings = {}) const {
    return find_moondream_revision(folder_, settings);
  }

  fs::path folder_;
};

TEST_F(MoondreamRevisions, NothingSaysWhich) {
  const auto found = find();
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(found->assumed);
  EXPECT_EQ(found->revision->name, "2025-01-09");
  EXPECT_NE(found->why.find("\"revision\""), std::string::npos) << "names the setting";
}

// Each is stronger than those before it.
TEST_F(MoondreamRevisions, TheSettingIsStrongest) {
  write("tokenizer.json", R"({"added_tokens": [{"id": 1, "content": "<|md_reserved_0|>"}]})");
  EXPECT_EQ(find()->revision->name, "2025-06-21");
  EXPECT_FALSE(find()->assumed);
  write("versions.txt", "2025-01-09\n2025-03-27\n");
  EXPECT_EQ(find()->revision->name, "2025-03-27");
  write("README.md", "x revision=\"2025-04-14\", y revision=\"2025-04-14\"");
  EXPECT_EQ(find()->revision->name, "2025-04-14");
  write(".ocellus.json", R"({"repo": "vikhyatk/moondream2", "revision": "2025-01-09"})");
  EXPECT_EQ(find()->revision->name, "2025-01-09");
  EXPECT_EQ(find()->why, ".ocellus.json");
  EXPECT_EQ(find({{"revision", "2025-03-27"}})->revision->name, "2025-03-27");
}

TEST_F(MoondreamRevisions, WhatSaysNothingIsPassedOver) {
  write("README.md", "revision=\"2025-01-09\" or revision=\"2025-04-14\"");
  write(".ocellus.json", R"({"revision": "0123abcd"})");
  EXPECT_TRUE(find()->assumed);
}

TEST_F(MoondreamRevisions, AnUnknownOneIsAnError) {
  const auto found = find({{"revision", "2024-08-26"}});
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(found.error().hint.find("2025-04-14"), std::string::npos);
}

}  // namespace
}  // namespace oc
