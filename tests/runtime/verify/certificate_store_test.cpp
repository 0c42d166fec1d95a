#include "runtime/verify/certificate_store.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "io/digest.h"
#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

class CertificateStore : public testing::Test {
 protected:
  const fs::path root = scratch_path("certificates");
  const fs::path model = root / "model";
  Certificate certificate{.model = "demo",
                          .build = {"0.1.0", "0123456789ab"},
                          .machine = "a processor",
                          .engine = {.name = "cpu",
                                     .backend = "avx2",
                                     .threads = 2,
                                     .precision = {.activations = Precision::Activations::kInt8,
                                                   .cache = Precision::Cache::kF16}},
                          .fingerprint = "abc",
                          .files = {},
                          .report = {},
                          .checks = {}};
  CertificateQuestion question{model, certificate.engine, "abc", certificate.build};

  void SetUp() override {
    fs::remove_all(root);
    fs::create_directories(model / "sub");
    write("config.json", "{}");
    write("sub/model.safetensors", "weights");
    ::setenv("OCELLUS_HOME", (root / "home").c_str(), 1);
    certificate.report.difference("model.logits", "case 1", 0.5, 1);
  }
  void TearDown() override {
    ::unsetenv("OCELLUS_HOME");
    fs::remove_all(root);
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(model / name) << text;
  }
  void save() {
    const auto saved = save_certificate(certificate, model, stamp_folder(model).value());
    ASSERT_TRUE(saved.ok()) << saved.error().message;
    EXPECT_TRUE(saved->string().starts_with((root / "home/certificates/").string()));
  }
};

TEST_F(CertificateStore, OfTheVeryFiles) {
  EXPECT_FALSE(find_certificate(question));
  save();
  const auto found = find_certificate(question);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->at("verified").as_bool());
  EXPECT_EQ(found->at("engine").as_string(),
            "cpu: avx2, 2 threads, int8 activations, f32 outliers, f16 kv");
  EXPECT_EQ(found->at("date").as_string().size(), 20u);
  EXPECT_EQ(found->at("largest").as_object().at("model.logits").as_double(), 0.5);
  EXPECT_FALSE(found->contains("files") || found->contains("stamps") || found->contains("model"));
}

TEST_F(CertificateStore, AFailureIsToldToo) {
  certificate.report.difference("model.logits", "case 2", 2, 1);
  save();
  EXPECT_FALSE(find_certificate(question).value().at("verified").as_bool());
}

TEST_F(CertificateStore, ChecksAreToldByTheirVerdicts) {
  certificate.report.of_checkpoint("q4");
  certificate.report.difference("model.logits", "case 1", 0.25, 1);
  certificate.checks.push_back({"paragraph", Verdict::kSuspicious, "random", {}});
  save();
  const auto found = find_certificate(question);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->at("commit").as_string(), "0123456789ab");
  EXPECT_EQ(found->at("checks").as_object().at("paragraph").as_string(), "suspicious");
  EXPECT_EQ(found->at("largest").as_object().at("q4.model.logits").as_double(), 0.25);
}

TEST_F(CertificateStore, NeverAStaleOne) {
  save();
  const auto time = fs::last_write_time(model / "sub/model.safetensors");
  write("sub/model.safetensors", "Weights");                   // the same size
  fs::last_write_time(model / "sub/model.safetensors", time);  // and, by hand, the same time
  EXPECT_FALSE(find_certificate(question));
  save();
  EXPECT_TRUE(find_certificate(question));
  write("another.json", "{}");
  EXPECT_FALSE(find_certificate(question));
  fs::remove(model / "another.json");
  EXPECT_TRUE(find_certificate(question));
  fs::remove(model / "config.json");
  EXPECT_FALSE(find_certificate(question));
}

TEST_F(CertificateStore, OfThisModelEngineAndProgram) {
  save();
  const auto with = [&](const auto& change) {
    CertificateQuestion other = question;
    change(other);
    return find_certificate(other).has_value();
  };
  EXPECT_TRUE(with([](auto& q) { q.engine.threads = 1; }));
  EXPECT_TRUE(with([&](auto& q) { q.folder = model / "sub/.."; }));
  EXPECT_FALSE(
      with([](auto& q) { q.engine.precision.activations = Precision::Activations::kF32; }));
  EXPECT_FALSE(with([](auto& q) { q.engine.precision.cache = Precision::Cache::kInt8; }));
  EXPECT_FALSE(with([](auto& q) { q.engine.backend = "avx3"; }));
  EXPECT_FALSE(with([](auto& q) { q.fingerprint = "abd"; }));
  EXPECT_FALSE(with([](auto& q) { q.build.version = "0.2.0"; }));
  EXPECT_FALSE(with([](auto& q) { q.build.commit = "0123456789ab+00000000"; }));
  EXPECT_FALSE(with([&](auto& q) { q.folder = root; }));
}

TEST_F(CertificateStore, LiesUnderADigestOfFolderAndComputation) {
  save();
  Digest digest;
  digest.add(fs::weakly_canonical(model).string());
  digest.add("\ncpu: avx2, int8 activations, f32 outliers, f16 kv");
  const std::string name = digest.finish_hex().substr(0, 32) + ".json";
  EXPECT_TRUE(fs::exists(root / "home/certificates" / name));
}

TEST_F(CertificateStore, AFileThatIsNoneIsNone) {
  save();
  for (const auto& entry : fs::directory_iterator(root / "home/certificates"))
    std::ofstream(entry.path()) << "{\"fingerprint\": \"abc\", \"ocellus\": 1, \"stamps\": {}}";
  EXPECT_FALSE(find_certificate(question));
}

TEST_F(CertificateStore, FilesThatChangeMeanwhile) {
  const auto before = stamp_folder(model).value();
  write("config.json", "{ }");
  EXPECT_EQ(save_certificate(certificate, model, before).error().code, ErrorCode::kCorrupt);
  ::setenv("OCELLUS_HOME", (model / "config.json").c_str(), 1);
  EXPECT_EQ(save_certificate(certificate, model, stamp_folder(model).value()).error().code,
            ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace oc
