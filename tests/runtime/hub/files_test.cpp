// What is on disk: parts that survive, the store, digests.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include <cstdlib>
#include <fstream>

#include "runtime/hub/digest.h"
#include "runtime/hub/part_file.h"
#include "runtime/hub/retry.h"
#include "runtime/hub/store.h"
#include "tests/scratch_path.h"

namespace oc::hub {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

class HubFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = scratch_path("hub");
    fs::remove_all(root_);
    fs::create_directories(root_ / "models");
    root_ = fs::canonical(root_);
    setenv("OCELLUS_HOME", root_.c_str(), 1);
    for (std::size_t i = 0; i < data_.size(); ++i) data_[i] = static_cast<char>(i * 7 + i / 251);
  }
  void TearDown() override {
    unsetenv("OCELLUS_HOME");
    fs::remove_all(root_);
  }
  std::unique_ptr<PartFile> part(std::string_view identity = "id") {
    return PartFile::open(root_, "file", data_.size(), identity).value();
  }
  std::span<const std::byte> bytes(std::size_t begin, std::size_t end) const {
    return std::as_bytes(std::span(data_).subspan(begin, end - begin));
  }

  fs::path root_;
  std::string data_ = std::string(1'200'000, '\0');  // three ranges
};

TEST_F(HubFilesTest, APartGoesOnWhereItStopped) {
  const std::size_t step = PartFile::range_bytes(data_.size());
  {
    const auto file = part();
    ASSERT_EQ(file->ranges(), 3u);
    ASSERT_TRUE(file->write(step, bytes(step, step + 1000)).ok());
    ASSERT_TRUE(file->write(0, bytes(0, 10)).ok());
  }
  {
    const auto file = part();
    EXPECT_EQ(file->received(), 1010u);
    EXPECT_EQ(file->missing(0), (ByteRange{10, step}));
    EXPECT_EQ(file->missing(1), (ByteRange{step + 1000, 2 * step}));
    for (std::size_t i = 0; i < 3; ++i) {
      const ByteRange rest = file->missing(i);
      ASSERT_TRUE(file->write(rest.begin, bytes(rest.begin, rest.end)).ok());
    }
    EXPECT_TRUE(file->complete());
    EXPECT_FALSE(fs::exists(root_ / "file"));
    ASSERT_TRUE(file->finish().ok());
  }
  EXPECT_EQ(read(root_ / "file"), data_);
  EXPECT_FALSE(fs::exists(root_ / "file.part"));
  EXPECT_FALSE(fs::exists(root_ / "file.part.state"));
}

TEST_F(HubFilesTest, AStreamPassesOverWhatIsThere) {
  const auto file = part();
  const std::size_t step = PartFile::range_bytes(data_.size());
  ASSERT_TRUE(file->write(step, bytes(step, step + 5000)).ok());
  const std::string wrong(2000, 'x');  // bytes that are there are not written again
  ASSERT_TRUE(file->write(step, std::as_bytes(std::span(wrong))).ok());
  for (std::size_t at = 0; at < data_.size(); at += 100'000)
    ASSERT_TRUE(file->write(at, bytes(at, at + 100'000)).ok());
  ASSERT_TRUE(file->complete());
  ASSERT_TRUE(file->finish().ok());
  EXPECT_EQ(read(root_ / "file"), data_);
}

TEST_F(HubFilesTest, AGapIsNotTakenForThere) {
  const auto file = part();
  ASSERT_TRUE(file->write(100, bytes(100, 200)).ok());
  EXPECT_EQ(file->received(), 0u);
}

TEST_F(HubFilesTest, APartOfAnotherFileIsNotUsed) {
  ASSERT_TRUE(part("one")->write(0, bytes(0, 1000)).ok());
  EXPECT_EQ(part("one")->received(), 1000u);
  EXPECT_EQ(part("two")->received(), 0u);
  EXPECT_EQ(part("one")->received(), 0u);
}

TEST_F(HubFilesTest, AStateThatCannotBeIsNotBelieved) {
  ASSERT_TRUE(part()->write(0, bytes(0, 1000)).ok());
  const std::string good = read(root_ / "file.part.state");
  const auto received_with = [&](const std::string& state) {
    write(root_ / "file.part.state", state);
    return part()->received();
  };
  EXPECT_EQ(received_with(good.substr(0, good.size() - 1)), 0u);
  EXPECT_EQ(received_with(std::string(good.size(), '\xff')), 0u);
  EXPECT_EQ(received_with(good.substr(0, good.size() - 8) + std::string(8, '\x7f')), 0u);
  EXPECT_EQ(received_with(""), 0u);
  EXPECT_EQ(received_with(good), 1000u);
  fs::resize_file(root_ / "file.part", 500);  // the bytes are gone
  EXPECT_EQ(part()->received(), 0u);
  EXPECT_EQ(fs::file_size(root_ / "file.part"), data_.size());
}

TEST_F(HubFilesTest, APartThatIsALinkIsRefused) {
  write(root_ / "elsewhere", "precious");
  fs::create_symlink(root_ / "elsewhere", root_ / "file.part");
  EXPECT_FALSE(PartFile::open(root_, "file", 10, "id").ok());
  EXPECT_EQ(read(root_ / "elsewhere"), "precious");
}

TEST_F(HubFilesTest, AnEmptyFileIsCompleteAtOnce) {
  const auto file = PartFile::open(root_, "empty", 0, "id").value();
  EXPECT_TRUE(file->complete());
  ASSERT_TRUE(file->finish().ok());
  EXPECT_EQ(fs::file_size(root_ / "empty"), 0u);
}

TEST_F(HubFilesTest, AFullDiskIsAnError) {
  const Error error = disk_error("/dev/full", ENOSPC);
  EXPECT_NE(error.message.find("No space left"), std::string::npos);
  EXPECT_NE(error.hint.find("make room"), std::string::npos);
  EXPECT_FALSE(check_space(root_, std::uint64_t{1} << 60).ok());
  EXPECT_TRUE(check_space(root_, 1).ok());
}

TEST_F(HubFilesTest, DigestsAsGitAndHubsHaveThem) {
  write(root_ / "x", "hello\n");
  const auto digest = [&](FileDigestKind kind) {
    return digest_file(root_ / "x", kind, 6, {}).value();
  };
  EXPECT_EQ(digest(FileDigestKind::kGitBlob), "ce013625030ba8dba906f756967f9e9ca394464a");
  EXPECT_EQ(digest(FileDigestKind::kSha256),
            "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
  EXPECT_FALSE(digest_file(root_ / "x", FileDigestKind::kSha256, 7, {}).ok());
  EXPECT_FALSE(digest_file(root_ / "none", FileDigestKind::kSha256, 0, {}).ok());
  const auto stopped = digest_file(root_ / "x", FileDigestKind::kSha256, 6, [] { return true; });
  EXPECT_EQ(stopped.error().code, ErrorCode::kCancelled);
}

TEST_F(HubFilesTest, APlaceIsBelowTheModelsFolder) {
  const ModelPlace place = place_of("org/m", true).value();
  EXPECT_EQ(place.folder, root_ / "models/org/m");
  EXPECT_TRUE(fs::is_directory(root_ / "models/org"));
  for (const char* name : {"", "..", "../x", "a/..", "/etc", "a/b/c", ".x"})
    EXPECT_EQ(place_of(name, true).error().code, ErrorCode::kInvalidArgument) << name;
  fs::create_directories(root_ / "outside");
  fs::create_directory_symlink(root_ / "outside", root_ / "models/link");
  EXPECT_EQ(place_of("link/m", true).error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(place_of("link", true).ok());
}

TEST_F(HubFilesTest, EmptyFoldersGo) {
  const fs::path models = root_ / "models", org = models / "org";
  place_of("org/m", true).value();
  remove_if_empty(org, root_);
  EXPECT_FALSE(fs::exists(models)) << "it was not there before";
  EXPECT_TRUE(fs::exists(root_));
  place_of("org/m", true).value();
  remove_if_empty(org, models);
  EXPECT_FALSE(fs::exists(org));
  remove_if_empty(models, models);
  EXPECT_TRUE(fs::exists(models)) << "the models folder was there";
  place_of("org/m", true).value();
  remove_if_empty(org, org);
  EXPECT_FALSE(fs::exists(org));
  write(org / "other/config.json", "{}");
  remove_if_empty(org, root_);
  EXPECT_TRUE(fs::exists(org / "other/config.json"));
}

TEST_F(HubFilesTest, ALockMakesTheFolderThatAFailedPullHasRemoved) {
  const ModelPlace place = place_of("org/m", true).value();
  fs::remove(root_ / "models/org");
  EXPECT_TRUE(ModelLock::take(place.lock, "org/m").ok());
}

TEST_F(HubFilesTest, OneHolderOfALock) {
  const ModelPlace place = place_of("org/m", true).value();
  {
    const auto lock = ModelLock::take(place.lock, "org/m");
    ASSERT_TRUE(lock.ok());
    EXPECT_EQ(ModelLock::take(place.lock, "org/m").error().code, ErrorCode::kUnavailable);
  }
  EXPECT_FALSE(fs::exists(place.lock));
  EXPECT_TRUE(ModelLock::take(place.lock, "org/m").ok());
}

TEST_F(HubFilesTest, InstallReplacesAWholeFolder) {
  const ModelPlace place = place_of("org/m", true).value();
  write(place.staging / "config.json", "one");
  ASSERT_TRUE(install(place).ok());
  EXPECT_EQ(read(place.folder / "config.json"), "one");
  write(place.folder / "old.txt", "old");
  write(place.staging / "config.json", "two");
  ASSERT_TRUE(install(place).ok());
  EXPECT_EQ(read(place.folder / "config.json"), "two");
  EXPECT_FALSE(fs::exists(place.folder / "old.txt"));
  EXPECT_FALSE(fs::exists(place.staging));
}

TEST_F(HubFilesTest, TheManifestComesBack) {
  const std::string sha(64, 'a'), git(40, 'b');
  const Manifest manifest{
      "https://hub",
      "org/m",
      "main",
      std::string(40, 'c'),
      {{.name = "w", .size = 5, .digest = sha},
       {.name = "c", .size = 2, .kind = FileDigestKind::kGitBlob, .digest = git}}};
  ASSERT_TRUE(write_manifest(root_, manifest).ok());
  const auto found = read_manifest(root_);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->commit, manifest.commit);
  ASSERT_EQ(found->files.size(), 2u);
  EXPECT_EQ(found->files[0].digest, sha);
  EXPECT_EQ(found->files[1].digest, git);
  EXPECT_EQ(found->files[1].kind, FileDigestKind::kGitBlob);
  write(root_ / "w", "");
  write(root_ / "mine", "");
  EXPECT_EQ(foreign_entries(root_), (std::vector<std::string>{"mine", "models"}));
  write(root_ / kManifestName, R"({"hub": "x", "files": 1})");
  EXPECT_FALSE(read_manifest(root_).has_value());
}

TEST_F(HubFilesTest, RemovingStaysInside) {
  const ModelPlace place = place_of("org/m", true).value();
  EXPECT_EQ(remove_model(place, "org/m").error().code, ErrorCode::kNotFound);
  write(place.folder / "config.json", "{}");
  write(place.staging / "x.part", "part");
  write(root_ / "outside/precious", "");
  fs::create_directory_symlink(root_ / "outside", place.folder / "link");
  EXPECT_FALSE(remove_model(place_of("org", false).value(), "org").ok());
  ASSERT_TRUE(remove_model(place, "org/m").ok());
  EXPECT_TRUE(fs::is_empty(root_ / "models/org"));
  EXPECT_TRUE(fs::exists(root_ / "outside/precious"));
}

TEST(HubRetry, ContentRanges) {
  const auto range = parse_content_range("bytes 5-9/20");
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range->range, (ByteRange{5, 10}));
  EXPECT_EQ(range->total, 20u);
  for (const char* text :
       {"", "bytes", "bytes 5-9", "bytes 9-5/20", "bytes 5-20/20", "bytes 5-9/*", "items 5-9/20",
        "bytes -9/20", "bytes 5-99999999999999999999/1", "bytes 5/9-20"})
    EXPECT_FALSE(parse_content_range(text).has_value()) << text;
}

TEST(HubRetry, WhatMendsByWaiting) {
  const auto answer = [](long status) {
    HttpOutcome outcome;
    outcome.head.status = status;
    return outcome;
  };
  for (const long status : {408, 429, 500, 502, 503, 504})
    EXPECT_TRUE(worth_a_retry(answer(status)));
  for (const long status : {400, 401, 403, 404, 416, 501})
    EXPECT_FALSE(worth_a_retry(answer(status)));
  HttpOutcome broken;
  broken.failure = "reset";
  EXPECT_TRUE(worth_a_retry(broken));
  broken.hopeless = true;
  EXPECT_FALSE(worth_a_retry(broken));
}

TEST(HubRetry, WaitsGrowAndEnd) {
  using std::chrono::milliseconds;
  HttpHead head;
  for (int i = 0; i < 50; ++i) {
    EXPECT_GE(back_off(1, head), milliseconds(225));
    EXPECT_LE(back_off(1, head), milliseconds(300));
    EXPECT_GE(back_off(4, head), milliseconds(1800));
    EXPECT_LE(back_off(1000, head), milliseconds(20'000));
  }
  head.retry_after_s = 3;
  EXPECT_GE(back_off(1, head), milliseconds(3000));
  head.retry_after_s = 1'000'000;
  EXPECT_LE(back_off(1, head), milliseconds(121'000));
  head.retry_after_s = -5;
  EXPECT_LE(back_off(1, head), milliseconds(1000));
}

TEST(HubRetry, ErrorsSayWhatToDo) {
  HttpOutcome outcome;
  outcome.head.status = 401;
  Hub hub{"https://hub", ""};
  EXPECT_NE(to_error(outcome, "org/m", hub).hint.find("set HF_TOKEN"), std::string::npos);
  hub.token = "secret";
  const Error wrong = to_error(outcome, "org/m", hub);
  EXPECT_NE(wrong.hint.find("not valid"), std::string::npos);
  EXPECT_EQ(wrong.describe().find("secret"), std::string::npos);
  hub.base = "http://hub";
  EXPECT_NE(to_error(outcome, "org/m", hub).hint.find("unencrypted"), std::string::npos);
  outcome.head.error_code = "GatedRepo";
  EXPECT_NE(to_error(outcome, "org/m", hub).hint.find("terms"), std::string::npos);
}

}  // namespace
}  // namespace oc::hub
