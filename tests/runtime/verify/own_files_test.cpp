// The user's own files: against the manifest of a pull, and value by value.
#include "runtime/verify/own_files.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <limits>

#include "io/files.h"
#include "runtime/hub/store.h"
#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

class OwnFiles : public testing::Test {
 protected:
  const fs::path root = scratch_path("own-files");
  void SetUp() override {
    fs::remove_all(root);
    fs::create_directories(root);
    write("config.json", "abc");
    write("model.safetensors", "weights");
  }
  void TearDown() override { fs::remove_all(root); }
  void write(const std::string& name, std::string_view text) {
    std::ofstream(root / name, std::ios::binary) << text;
  }
  Check checked() { return check_files(root, digest_folder(root).value()); }
  // One in git itself, one that is large.
  void pulled() {
    const auto sha256 = digest_folder(root).value();
    const hub::Manifest manifest{
        .hub = "https://hub.example",
        .repo = "org/model",
        .revision = "main",
        .commit = std::string(40, 'c'),
        // What `git hash-object` says of "abc".
        .files = {{.name = "config.json",
                   .size = 3,
                   .kind = hub::FileDigestKind::kGitBlob,
                   .digest = "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f"},
                  {.name = "model.safetensors", .size = 7, .digest = sha256[1].sha256}}};
    ASSERT_TRUE(hub::write_manifest(root, manifest).ok());
  }
};

TEST_F(OwnFiles, WithoutAManifestNothingIsCompared) {
  EXPECT_EQ(checked().verdict, Verdict::kNotCompared);
  EXPECT_NE(checked().text.find("ocellus pull"), std::string::npos);
}

TEST_F(OwnFiles, AreWhatTheHubHas) {
  pulled();
  write("notes.txt", "the user's own");
  const Check check = checked();
  EXPECT_EQ(check.verdict, Verdict::kRight) << check.text;
  EXPECT_EQ(check.figures.at("repo").as_string(), "org/model");
  EXPECT_EQ(check.figures.at("compared").to_number<int>(), 2);
}

TEST_F(OwnFiles, AFlippedByteIsFoundInEither) {
  for (const auto& [name, text] :
       {std::pair{"config.json", "abd"}, std::pair{"model.safetensors", "Weights"}}) {
    SetUp();
    pulled();
    write(name, text);
    const Check check = checked();
    EXPECT_EQ(check.verdict, Verdict::kWrong);
    EXPECT_NE(check.text.find(std::string(name) + " has another content"), std::string::npos)
        << check.text;
    EXPECT_NE(check.text.find("ocellus pull org/model"), std::string::npos);
    EXPECT_EQ(check.figures.at("wrong").as_array().size(), 1u);
  }
}

TEST_F(OwnFiles, OneThatIsGoneOrShorterIsNamed) {
  pulled();
  write("model.safetensors", "weight");
  fs::remove(root / "config.json");
  const Check check = checked();
  EXPECT_EQ(check.verdict, Verdict::kWrong);
  EXPECT_NE(check.text.find("config.json is missing"), std::string::npos) << check.text;
  EXPECT_NE(check.text.find("6 bytes instead of 7"), std::string::npos) << check.text;
}

TEST_F(OwnFiles, TheEmbeddedModelIsWhatWasBuilt) {
  auto files = digest_folder(embedded_folder()).value();
  EXPECT_EQ(check_files(embedded_folder(), files).verdict, Verdict::kRight);
  files[0].sha256[0] ^= 1;
  EXPECT_EQ(check_files(embedded_folder(), files).verdict, Verdict::kWrong);
}

// Three tensors of two values each, of which one word is as given.
class FiniteValues : public OwnFiles {
 protected:
  Check with(DType dtype, std::uint32_t word) {
    write("config.json", "{}");
    const std::vector<PlannedTensor> tensors = {
        {"a", dtype, Shape{1, 2}}, {"b", dtype, Shape{1, 2}}, {"codes", DType::kU32, Shape{1, 2}}};
    auto writer = SafetensorsWriter::create(root / "model.safetensors", tensors).value();
    std::vector<std::byte> floats(2 * size_of(dtype)), codes(8, std::byte{0xff});
    EXPECT_TRUE(writer->append(floats).ok());
    std::memcpy(floats.data() + size_of(dtype), &word, size_of(dtype));
    EXPECT_TRUE(writer->append(floats).ok() && writer->append(codes).ok() && writer->finish().ok());
    return check_finite(*Checkpoint::open(root).value());
  }
};

TEST_F(FiniteValues, OfEveryFloatTypeAreNamedWhereTheyAreNot) {
  const std::vector<std::tuple<DType, std::uint32_t, bool>> cases = {
      {DType::kF32, 0x7fc00000u, false}, {DType::kF32, 0xff800000u, false},
      {DType::kF32, 0x7f7fffffu, true},  {DType::kF16, 0x7c00u, false},
      {DType::kF16, 0xfe01u, false},     {DType::kF16, 0x7bffu, true},
      {DType::kBF16, 0x7f80u, false},    {DType::kBF16, 0xffc1u, false},
      {DType::kBF16, 0x7f7fu, true}};
  for (const auto& [dtype, word, finite] : cases) {
    const Check check = with(dtype, word);
    EXPECT_EQ(check.verdict, finite ? Verdict::kRight : Verdict::kWrong) << word;
    EXPECT_EQ(check.figures.at("not_finite").to_number<int>(), finite ? 0 : 1);
    if (!finite)
      EXPECT_NE(check.text.find("b in model.safetensors: 1 of 2 values, the first at 1"),
                std::string::npos)
          << check.text;
  }
}

}  // namespace
}  // namespace oc
