#include "runtime/hub/listing.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace oc::hub {
namespace {

const std::string kCommit(40, 'c'), kSha256(64, 'a'), kGit(40, 'b');

HubFile file(std::string name, std::uint64_t size = 10) {
  return {.name = std::move(name), .size = size, .digest = kSha256};
}

std::vector<std::string> names(const std::vector<HubFile>& files) {
  std::vector<std::string> out;
  for (const HubFile& f : files) out.push_back(f.name);
  return out;
}

// A repository that lists all of `files`.
Result<Plan> plan_of(const std::vector<HubFile>& files) {
  return plan_files({kCommit, names(files)}, files);
}

TEST(HubListing, TheRevisionNamesCommitAndFiles) {
  const auto revision = parse_revision(fmt::format(
      R"({{"sha": "{}", "siblings": [{{"rfilename": "a"}}, {{"rfilename": "../b"}}]}})", kCommit));
  EXPECT_EQ(revision.value().commit, kCommit);
  EXPECT_EQ(revision.value().names, (std::vector<std::string>{"a", "../b"}));
  for (const std::string& body :
       {std::string(""), std::string("[]"), std::string("{}"), std::string("{\"sha\": 1}"),
        std::string(R"({"sha": "../../x", "siblings": []})"),
        fmt::format(R"({{"sha": "{}"}})", kCommit),
        fmt::format(R"({{"sha": "{}", "siblings": [1]}})", kCommit),
        fmt::format(R"({{"sha": "{}", "siblings": [{{"rfilename": 1}}]}})", kCommit)})
    EXPECT_FALSE(parse_revision(body).ok()) << body;
}

TEST(HubListing, TheTreeTellsSizeAndDigest) {
  const auto tree = parse_tree(fmt::format(
      R"([{{"type": "file", "path": "small", "oid": "{}", "size": 3}},
          {{"type": "file", "path": "large", "oid": "{}", "size": 7, "lfs": {{"oid": "{}"}}}},
          {{"type": "directory", "path": "folder", "oid": "x", "size": 0}},
          {{"type": "file", "path": "folder/inner", "oid": "{}", "size": 1}},
          {{"type": "file", "path": "../evil", "oid": "{}", "size": 1}}])",
      kGit, kGit, kSha256, kGit, kGit));
  ASSERT_EQ(names(tree.value()), (std::vector<std::string>{"small", "large"}));
  EXPECT_EQ((*tree)[0].kind, FileDigestKind::kGitBlob);
  EXPECT_EQ((*tree)[0].digest, kGit);
  EXPECT_EQ((*tree)[1].kind, FileDigestKind::kSha256);
  EXPECT_EQ((*tree)[1].digest, kSha256);
  EXPECT_EQ((*tree)[1].size, 7u);
}

TEST(HubListing, ATreeThatIsNone) {
  for (const char* entry :
       {"1", "{}", R"({"path": "a"})", R"({"path": "a", "size": -1})",
        R"({"path": "a", "size": 1152921504606846976})", R"({"path": "a", "size": "1"})",
        R"({"path": "a", "size": 1.5})", R"({"path": "a", "size": 1, "lfs": {}})",
        R"({"path": "a", "size": 1, "lfs": {"oid": "../x"}})",
        R"({"path": "a", "size": 1, "oid": "zz"})"})
    EXPECT_FALSE(parse_tree(fmt::format("[{}]", entry)).ok()) << entry;
  EXPECT_FALSE(parse_tree("{}").ok());
}

TEST(HubListing, TheNextPageIsInTheLinkHeader) {
  EXPECT_EQ(next_page(R"(<https://a/?cursor=x>; rel="next")"), "https://a/?cursor=x");
  EXPECT_EQ(next_page(R"(<https://a>; rel="prev", <https://b>; rel="next")"), "https://b");
  for (const char* header :
       {"", "<", "<https://a", "<https://a>", R"(<https://a>; rel="last")", ">"})
    EXPECT_EQ(next_page(header), std::nullopt) << header;
}

TEST(HubListing, OnlyWhatAModelNeeds) {
  const Plan plan = plan_of({file("config.json"), file("tokenizer.json"), file("README.md"),
                             file("model.safetensors"), file("model.gguf"), file("model.py"),
                             file("pytorch_model.bin"), file("preprocessor_config.json")})
                        .value();
  EXPECT_EQ(names(plan.small), (std::vector<std::string>{"config.json", "preprocessor_config.json",
                                                         "tokenizer.json"}));
  EXPECT_EQ(names(plan.weights), (std::vector<std::string>{"model.safetensors"}));
  EXPECT_FALSE(plan.has_index);
}

TEST(HubListing, WhatAModelLacksIsNamed) {
  const auto config = plan_of({file("tokenizer.json"), file("model.safetensors")});
  EXPECT_NE(config.error().message.find("config.json"), std::string::npos);
  const auto tokenizer = plan_of({file("config.json"), file("model.safetensors")});
  EXPECT_NE(tokenizer.error().message.find("tokenizer.json"), std::string::npos);
  const auto weights = plan_of({file("config.json"), file("tokenizer.json"), file("m.gguf")});
  EXPECT_NE(weights.error().message.find(".safetensors"), std::string::npos);
  EXPECT_NE(weights.error().hint.find("another format"), std::string::npos);
}

TEST(HubListing, WeightsWithoutADigestAreRefused) {
  std::vector<HubFile> files{file("config.json"), file("tokenizer.json"),
                             file("model.safetensors")};
  files[2].digest.clear();
  EXPECT_EQ(plan_of(files).error().code, ErrorCode::kCorrupt);
  files[2].digest = kSha256;
  files[0].digest.clear();  // of small files it is checked where it is given
  EXPECT_TRUE(plan_of(files).ok());
}

TEST(HubListing, FilesWithoutASizeAndSmallOnesThatAreLarge) {
  const std::vector<HubFile> files{file("config.json"), file("tokenizer.json")};
  const auto unknown =
      plan_files({kCommit, {"config.json", "tokenizer.json", "model.safetensors"}}, files);
  EXPECT_NE(unknown.error().message.find("model.safetensors"), std::string::npos);
  EXPECT_EQ(plan_of({file("config.json", 1u << 30)}).error().code, ErrorCode::kTooLarge);
}

TEST(HubListing, TheIndexSaysWhichShards) {
  const Plan plan =
      plan_of({file("config.json"), file("tokenizer.json"), file(std::string(kIndexName)),
               file("a.safetensors"), file("b.safetensors"), file("consolidated.safetensors")})
          .value();
  EXPECT_TRUE(plan.has_index);
  const auto two = choose_weights(
      plan,
      R"({"weight_map": {"x": "b.safetensors", "y": "a.safetensors", "z": "a.safetensors"}})");
  EXPECT_EQ(names(two.value()), (std::vector<std::string>{"a.safetensors", "b.safetensors"}));
  EXPECT_EQ(names(choose_weights(plan, "").value()),
            (std::vector<std::string>{"a.safetensors", "b.safetensors"}));
  for (const char* index : {"[]", "{}", R"({"weight_map": {}})", R"({"weight_map": {"x": 1}})",
                            R"({"weight_map": {"x": "c.safetensors"}})",
                            R"({"weight_map": {"x": "../a.safetensors"}})"})
    EXPECT_FALSE(choose_weights(plan, index).ok()) << index;
}

TEST(HubListing, WhereThereAreOnlyDuplicatesTheyAreTheWeights) {
  const Plan plan =
      plan_of({file("config.json"), file("tokenizer.json"), file("consolidated.safetensors")})
          .value();
  EXPECT_EQ(names(choose_weights(plan, "").value()),
            (std::vector<std::string>{"consolidated.safetensors"}));
}

}  // namespace
}  // namespace oc::hub
