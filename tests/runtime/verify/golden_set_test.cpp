// Sets of golden data: to whom they belong, and that those of the program are found.
#include "runtime/verify/golden_set.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/runtime/fake_model.h"
#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

const fs::path kData = OC_SOURCE_DIR "/tests/data";

class GoldenSets : public testing::Test {
 protected:
  const fs::path root = scratch_path("golden-sets");
  void SetUp() override { fs::remove_all(root); }
  void TearDown() override {
    ::unsetenv("OCELLUS_GOLDENS");
    fs::remove_all(root);
  }
  fs::path set_with(const std::string& cases) {
    fs::create_directories(root / "golden-x/model");
    std::ofstream(root / "golden-x/model/cases.json") << cases;
    return root / "golden-x";
  }
};

TEST_F(GoldenSets, TheCommittedOnesNameTheirCheckpoints) {
  const auto demo = open_golden_set(kData / "golden-demo");
  ASSERT_TRUE(demo.ok()) << demo.error().describe();
  EXPECT_EQ(demo->family, "phi3_v");
  ASSERT_EQ(demo->checkpoints.size(), 1u);
  EXPECT_EQ(demo->checkpoints[0].name, "q4");
  EXPECT_FALSE(demo->checkpoints[0].synth);
  const auto smolvlm = open_golden_set(kData / "golden-smolvlm");
  ASSERT_TRUE(smolvlm.ok()) << smolvlm.error().describe();
  EXPECT_EQ(smolvlm->family, "smolvlm");
  ASSERT_EQ(smolvlm->checkpoints.size(), 2u);
  EXPECT_EQ(smolvlm->checkpoints[0].name, "bf16");
  EXPECT_EQ(smolvlm->checkpoints[1].synth.value().quant, "mlx4");
  EXPECT_EQ(smolvlm->checkpoints[1].synth.value().seed, 7u);
}

TEST_F(GoldenSets, ThoseOfAFamilyAreFound) {
  ::setenv("OCELLUS_GOLDENS", kData.c_str(), 1);
  for (const auto& [type, folder] :
       {std::pair{"phi3_v", "golden-demo"}, std::pair{"smolvlm", "golden-smolvlm"}}) {
    const auto sets = installed_golden_sets(type);
    ASSERT_TRUE(sets.ok()) << sets.error().describe();
    ASSERT_EQ(sets->size(), 1u);
    EXPECT_EQ(sets->front().folder, kData / folder);
  }
  ::setenv("OCELLUS_GOLDENS", root.c_str(), 1);
  const auto none = installed_golden_sets("phi3_v");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, ErrorCode::kNotFound);
  EXPECT_NE(none.error().message.find(root.string()), std::string::npos);
  EXPECT_NE(none.error().hint.find("OCELLUS_GOLDENS"), std::string::npos);
}

TEST_F(GoldenSets, OfAnotherFamilyOrCheckpoint) {
  const auto model = fake::FakeModel::answering({fake::kEnd});  // "fake", 320 tokens
  GoldenSet set = open_golden_set(kData / "golden-smolvlm").value();
  const auto family = check_golden_set(set, *model);
  ASSERT_FALSE(family.ok());
  EXPECT_NE(family.error().message.find("of another family: of smolvlm, and the model is fake"),
            std::string::npos)
      << family.error().message;
  set.family = "fake";
  const auto checkpoint = check_golden_set(set, *model);
  ASSERT_FALSE(checkpoint.ok());
  EXPECT_NE(checkpoint.error().message.find("another checkpoint"), std::string::npos);
  EXPECT_NE(checkpoint.error().message.find("320"), std::string::npos);
  EXPECT_TRUE(check_golden_set({.folder = root, .family = "", .checkpoints = {}}, *model).ok());
}

TEST_F(GoldenSets, WhatIsNoSetSaysWhere) {
  for (const std::string cases :
       {R"({"info": {"synth": {"shape": "tiny", "seed": 1}}})",
        R"({"info": {"synth": {"shape": "tiny", "seed": -1, "quant": {}}}})",
        R"({"info": {"family": 5}})", R"({"info": [)"}) {
    const auto set = open_golden_set(set_with(cases));
    ASSERT_FALSE(set.ok()) << cases;
    EXPECT_NE(set.error().message.find("cases.json"), std::string::npos) << set.error().message;
  }
  // Those before there was a second family do not name theirs; token ids alone are anybody's.
  EXPECT_EQ(open_golden_set(set_with(R"({"info": {}})"))->family, "phi3_v");
  EXPECT_EQ(open_golden_set(set_with(R"({"info": {"family": "other"}})"))->family, "other");
  fs::create_directories(root / "golden-text/text");
  EXPECT_EQ(open_golden_set(root / "golden-text")->family, "");
}

TEST_F(GoldenSets, EveryCheckpointIsMadeAndComputed) {
  VerifyReport report;
  const GoldenSet set = open_golden_set(kData / "golden-smolvlm").value();
  const auto fingerprints =
      recompute_golden_set(set, {.engine = "cpu", .threads = 1}, {.max_model_tokens = 40}, report);
  ASSERT_TRUE(fingerprints.ok()) << fingerprints.error().describe();
  ASSERT_EQ(fingerprints->size(), 2u);
  EXPECT_NE(fingerprints->front(), fingerprints->back());
  int of_q4 = 0;
  for (const StageResult& stage : report.stages()) of_q4 += stage.checkpoint == "q4" ? 1 : 0;
  EXPECT_GT(of_q4, 3);
  ::setenv("TMPDIR", (root / "none").c_str(), 1);
  const auto nowhere = recompute_golden_set(set, {.engine = "cpu"}, {}, report);
  ::unsetenv("TMPDIR");
  ASSERT_FALSE(nowhere.ok());
  EXPECT_NE(nowhere.error().hint.find("TMPDIR"), std::string::npos);
}

}  // namespace
}  // namespace oc
