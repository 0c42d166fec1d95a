// The certificate of `ocellus verify`: digests of a folder, and what the report comes to.
#include "runtime/verify/certificate.h"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>
#include <fstream>

#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

class CertificateTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = scratch_path("certificate");
    fs::remove_all(folder_);
    write("b.txt", "abc");
    write("a/empty", "");
    write(".cache/notes", "of a hub");
    write(".lock", "");
  }
  void TearDown() override { fs::remove_all(folder_); }
  void write(const std::string& name, std::string_view text) {
    fs::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }

  fs::path folder_;
};

TEST_F(CertificateTest, EveryVisibleFileByName) {
  std::vector<std::string> heard;
  const auto files =
      digest_folder(folder_, [&](const std::string& name) { heard.push_back(name); });
  ASSERT_TRUE(files.ok()) << files.error().describe();
  ASSERT_EQ(files->size(), 2u);
  EXPECT_EQ(heard, (std::vector<std::string>{"a/empty", "b.txt"}));
  // FIPS 180's values of the empty message and of "abc".
  EXPECT_EQ((*files)[0].sha256, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ((*files)[1].sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ((*files)[1].bytes, 3u);
}

TEST_F(CertificateTest, AFolderThatIsGoneIsAnError) {
  const auto files = digest_folder(folder_ / "none");
  ASSERT_FALSE(files.ok());
  EXPECT_NE(files.error().message.find("none"), std::string::npos);
}

TEST_F(CertificateTest, OneWordForAllFilesFollowsContentAndName) {
  Certificate first;
  first.files = digest_folder(folder_).value();
  const auto changed = [&] {
    Certificate other;
    other.files = digest_folder(folder_).value();
    return other.files_sha256() != first.files_sha256();
  };
  EXPECT_FALSE(changed());
  write("b.txt", "abd");
  EXPECT_TRUE(changed());
  write("b.txt", "abc");
  EXPECT_FALSE(changed());
  fs::rename(folder_ / "b.txt", folder_ / "c.txt");
  EXPECT_TRUE(changed());
}

TEST_F(CertificateTest, SaysWhetherAndHowFarOff) {
  Certificate certificate;
  certificate.model = "some";
  certificate.report.difference("model.logits_last", "case", 0.25, 0.5);
  for (const bool good : {true, true, false})
    certificate.report.equal("model.tokens", "case", good);
  EXPECT_FALSE(certificate.verified());
  EXPECT_NE(certificate.summary().find("2 of 3 greedy tokens equal"), std::string::npos);
  EXPECT_NE(certificate.summary().find("1 of 4 comparisons with golden data failed"),
            std::string::npos);
  const boost::json::object out = certificate.json();
  EXPECT_FALSE(out.at("verified").as_bool());
  EXPECT_EQ(out.at("answers").at("equal").as_int64(), 2);
  EXPECT_EQ(out.at("failed").as_int64(), 1);
  EXPECT_EQ(out.at("stages").at(0).at("largest").as_double(), 0.25);
}

TEST_F(CertificateTest, IsNotVerifiedByAWrongCheck) {
  Certificate certificate;
  certificate.build = {"0.1.0", "0123456789ab"};
  certificate.machine = "a processor";
  certificate.report.of_checkpoint("q4");
  certificate.report.equal("model.tokens", "case", true);
  certificate.report.of_checkpoint("bf16");
  certificate.report.equal("model.tokens", "case", true);
  EXPECT_EQ(certificate.report.stages().size(), 2u);
  EXPECT_EQ(certificate.answer_tokens(), 2);
  EXPECT_NE(certificate.report.table().find("bf16:\n"), std::string::npos);
  for (const Verdict verdict : {Verdict::kRight, Verdict::kSuspicious, Verdict::kNotCompared})
    certificate.checks.push_back({.name = std::string(to_string(verdict)), .verdict = verdict});
  EXPECT_TRUE(certificate.verified());
  EXPECT_NE(certificate.summary().find("nothing is wrong"), std::string::npos);
  certificate.checks.push_back({"finite", Verdict::kWrong, "a NaN", {{"not_finite", 1}}});
  EXPECT_FALSE(certificate.verified());
  EXPECT_NE(certificate.summary().find("not verified"), std::string::npos);
  const boost::json::object out = certificate.json();
  EXPECT_FALSE(out.at("verified").as_bool());
  EXPECT_EQ(out.at("commit").as_string(), "0123456789ab");
  EXPECT_EQ(out.at("machine").as_string(), "a processor");
  EXPECT_EQ(out.at("checks").at("finite").at("verdict").as_string(), "wrong");
  EXPECT_EQ(out.at("checks").at("finite").at("not_finite").as_int64(), 1);
  EXPECT_EQ(out.at("stages").at(1).at("checkpoint").as_string(), "bf16");
}

}  // namespace
}  // namespace oc
