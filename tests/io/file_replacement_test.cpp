#include "io/file_replacement.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>

#include "io/whole_file.h"
#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

class FileReplacementTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = scratch_path("replace");
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    path_ = folder_ / "a";
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string text() const {
    std::ifstream in(path_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  mode_t mode() const {
    struct stat status {};
    EXPECT_EQ(::stat(path_.c_str(), &status), 0);
    return status.st_mode & 07777;
  }
  std::ptrdiff_t files() const {
    return std::distance(fs::directory_iterator(folder_), fs::directory_iterator());
  }

  fs::path folder_, path_;
};

TEST_F(FileReplacementTest, NothingIsThereBeforeItTakesItsPlace) {
  ASSERT_EQ(replace_file_by(path_, "old"), 0);
  FileReplacement fresh;
  ASSERT_EQ(fresh.open(path_), 0);
  ASSERT_EQ(fresh.write("new "), 0);
  ASSERT_EQ(fresh.write("text"), 0);
  EXPECT_EQ(text(), "old");
  ASSERT_EQ(fresh.finish(), 0);
  EXPECT_EQ(text(), "old");
  EXPECT_EQ(files(), 2);
  ASSERT_EQ(fresh.take_place(), 0);
  EXPECT_EQ(text(), "new text");
  EXPECT_EQ(files(), 1);
}

TEST_F(FileReplacementTest, WhatDoesNotTakeItsPlaceGoes) {
  {
    FileReplacement fresh;
    ASSERT_EQ(fresh.open(path_), 0);
    ASSERT_EQ(fresh.write("half"), 0);
    const fs::path temporary = *fs::directory_iterator(folder_);
    EXPECT_TRUE(temporary.filename().string().starts_with("a."));
    EXPECT_EQ(temporary.extension(), ".tmp");
  }
  EXPECT_EQ(files(), 0);
}

TEST_F(FileReplacementTest, ANewFileIsAsTheUmaskWantsItAndAnOldOneMayKeepItsMode) {
  const mode_t before = ::umask(027);
  ASSERT_EQ(replace_file_by(path_, "x"), 0);
  EXPECT_EQ(mode(), 0640u);
  ::chmod(path_.c_str(), 0604);
  FileReplacement fresh;
  ASSERT_EQ(fresh.open_like_the_old_one(path_), 0);
  ASSERT_EQ(fresh.finish(), 0);
  ASSERT_EQ(fresh.take_place(), 0);
  EXPECT_EQ(mode(), 0604u);
  ::umask(before);
}

TEST_F(FileReplacementTest, FailuresHaveTheirNumber) {
  EXPECT_EQ(replace_file_by(folder_ / "none" / "a", "x"), ENOENT);
  FileReplacement fresh;
  EXPECT_EQ(fresh.open_like_the_old_one(path_), ENOENT);
  fs::create_directories(path_);
  EXPECT_EQ(replace_file_by(path_, "x"), EISDIR);
  EXPECT_EQ(files(), 1) << "only the folder";
  EXPECT_EQ(write_file_atomically(path_, "x").error().message,
            path_.string() + " cannot be written");
}

TEST_F(FileReplacementTest, DigestsOfFiles) {
  ASSERT_EQ(replace_file_by(path_, "hello\n"), 0);
  EXPECT_EQ(*file_sha256(path_),
            "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
  EXPECT_EQ(file_sha256(folder_ / "none").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(file_sha256(folder_).error().code, ErrorCode::kNotFound) << "a folder";
}

}  // namespace
}  // namespace oc
