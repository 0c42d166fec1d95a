#include "models/fingerprint.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

class Fingerprint : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = scratch_path_of_test("fingerprint");
    fs::remove_all(folder_);
    fs::copy(fs::path(OC_SOURCE_DIR) / "models/demo", folder_, fs::copy_options::recursive);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string now() const {
    const auto checkpoint = Checkpoint::open(folder_);
    EXPECT_TRUE(checkpoint.ok());
    return checkpoint_fingerprint(**checkpoint);
  }
  fs::path folder_;
};

TEST_F(Fingerprint, IsThatOfTheFilesNotOfTheFolder) {
  const std::string first = now();
  EXPECT_EQ(first.size(), 64u);
  const auto original = Checkpoint::open(fs::path(OC_SOURCE_DIR) / "models/demo");
  EXPECT_EQ(first, checkpoint_fingerprint(**original));
}

// Answers of one must not be given for the other.
TEST_F(Fingerprint, OtherFilesBesideTheWeightsChangeIt) {
  const std::string first = now();
  for (const char* name :
       {"tokenizer.json", "preprocessor_config.json", "generation_config.json"}) {
    ASSERT_TRUE(fs::exists(folder_ / name)) << name;
    std::ofstream(folder_ / name, std::ios::app) << ' ';
    const std::string changed = now();
    EXPECT_NE(changed, first) << name;
    fs::remove(folder_ / name);
    EXPECT_NE(now(), first) << name;
    EXPECT_NE(now(), changed) << name;
    fs::copy(fs::path(OC_SOURCE_DIR) / "models/demo" / name, folder_ / name);
    EXPECT_EQ(now(), first) << name;
  }
}

}  // namespace
}  // namespace oc
