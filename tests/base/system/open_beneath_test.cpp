#include "base/system/open_beneath.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

class OpenBeneathTest : public ::testing::TestWithParam<int (*)(int, const char*)> {
 protected:
  OpenBeneathTest() : base_(scratch_path("open-beneath")) {
    fs::remove_all(base_);
    fs::create_directories(base_ / "in/sub");
    std::ofstream(base_ / "in/sub/a") << "a";
    std::ofstream(base_ / "secret") << "secret";
    fs::create_symlink("sub/a", base_ / "in/link");
    fs::create_symlink("../secret", base_ / "in/out");
    fs::create_directory_symlink("..", base_ / "in/up");
    fs::create_symlink(base_ / "in/sub/a", base_ / "in/absolute");
    folder_ = ::open((base_ / "in").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }
  ~OpenBeneathTest() override {
    ::close(folder_);
    fs::remove_all(base_);
  }

  // "a", "secret" or what lies there; 0 and errno in brackets.
  std::string read(const char* path) const {
    const int fd = GetParam()(folder_, path);
    if (fd < 0) return "(" + std::to_string(errno) + ")";
    char bytes[16];
    const ssize_t count = ::read(fd, bytes, sizeof bytes);
    ::close(fd);
    return count < 0 ? "folder" : std::string(bytes, static_cast<std::size_t>(count));
  }
  static std::string failure(int reason) { return "(" + std::to_string(reason) + ")"; }

  const fs::path base_;
  int folder_ = -1;
};

TEST_P(OpenBeneathTest, WhatLiesBelow) {
  EXPECT_EQ(read("sub/a"), "a");
  EXPECT_EQ(read("./sub//./a"), "a");
  EXPECT_EQ(read("sub"), "folder");
  EXPECT_EQ(read("none"), failure(ENOENT));
  EXPECT_EQ(read(""), failure(ENOENT));
  EXPECT_EQ(read("sub/a/x"), failure(ENOTDIR));
}

TEST_P(OpenBeneathTest, NothingElse) {
  for (const char* path : {"../secret", "sub/../../secret", "..", "/etc/passwd", "out", "up/secret",
                           "up/in/sub/a", "absolute", "/"})
    EXPECT_EQ(read(path).front(), '(') << path;
  EXPECT_EQ(read("../secret"), read("../none"));
}

TEST_P(OpenBeneathTest, APipeKeepsNobodyWaiting) {
  ASSERT_EQ(::mkfifo((base_ / "in/pipe").c_str(), 0600), 0);
  EXPECT_EQ(read("pipe"), "");
}

INSTANTIATE_TEST_SUITE_P(Ways, OpenBeneathTest,
                         ::testing::Values(&open_beneath, &open_beneath_without_links));

}  // namespace
}  // namespace oc
