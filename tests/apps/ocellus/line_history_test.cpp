#include "line_history.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

class LineHistoryTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = scratch_path("history");
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string text() const {
    std::ostringstream out;
    out << std::ifstream(file_).rdbuf();
    return out.str();
  }
  static unsigned mode(const fs::path& path) {
    struct stat info = {};
    ::stat(path.c_str(), &info);
    return info.st_mode & 0777;
  }

  fs::path folder_, file_;
};

TEST_F(LineHistoryTest, IsThereTheNextTime) {
  file_ = folder_ / "state/ocellus/history";
  LineHistory first(file_);
  for (const char* line : {"What is it?", "", "What is it?", "是什么", "two\nlines \\n"})
    first.add(line);
  const Lines expected{"What is it?", "是什么", "two\nlines \\n"};
  EXPECT_EQ(first.lines(), expected);
  EXPECT_EQ(LineHistory(file_).lines(), expected);
  EXPECT_EQ(text(), "What is it?\n是什么\ntwo\\nlines \\\\n\n");
  EXPECT_EQ(mode(file_), 0600u);
  EXPECT_EQ(mode(file_.parent_path()), 0700u);
}

TEST_F(LineHistoryTest, IsPrivateWhateverItWas) {
  file_ = folder_ / "history";
  fs::create_directories(folder_);
  std::ofstream(file_) << "old\n";
  fs::permissions(file_, fs::perms(0644));
  LineHistory history(file_);
  history.add("new");
  EXPECT_EQ(mode(file_), 0600u);
  EXPECT_EQ(LineHistory(file_).lines(), (Lines{"old", "new"}));
}

TEST_F(LineHistoryTest, IsBounded) {
  file_ = folder_ / "history";
  fs::create_directories(folder_);
  {
    std::ofstream out(file_);
    for (int i = 0; i < 5000; ++i) out << "line " << i << '\n';
    out << std::string(100'000, 'x') << '\n';
  }
  LineHistory history(file_);
  ASSERT_EQ(history.lines().size(), LineHistory::kMostLines);
  EXPECT_EQ(history.lines().back(), "line 4999");
  EXPECT_LT(fs::file_size(file_), 20'000u);
  EXPECT_EQ(mode(file_), 0600u);
  history.add(std::string(100'000, 'y'));  // in memory alone
  EXPECT_EQ(history.lines().size(), LineHistory::kMostLines);
  EXPECT_EQ(LineHistory(file_).lines().back(), "line 4999");
}

TEST_F(LineHistoryTest, DoesWithoutItsFile) {
  LineHistory none(std::nullopt);
  none.add("x");
  EXPECT_EQ(none.lines(), Lines{"x"});
  fs::create_directories(folder_ / "history");  // a folder where the file would be
  LineHistory odd(folder_ / "history");
  odd.add("x");
  EXPECT_EQ(odd.lines(), Lines{"x"});
  fs::create_symlink(folder_ / "elsewhere", folder_ / "link");
  LineHistory link(folder_ / "link");
  link.add("x");
  EXPECT_FALSE(fs::exists(folder_ / "elsewhere")) << "no link is followed";
}

TEST(HistoryFile, LiesInTheStateFolder) {
  const auto with = [](const char* state, const char* home) {
    state == nullptr ? ::unsetenv("XDG_STATE_HOME") : ::setenv("XDG_STATE_HOME", state, 1);
    home == nullptr ? ::unsetenv("HOME") : ::setenv("HOME", home, 1);
    return history_file();
  };
  const char* before = std::getenv("HOME");
  const std::string home = before != nullptr ? before : "/";
  EXPECT_EQ(with("/state", "/home/me"), fs::path("/state/ocellus/history"));
  EXPECT_EQ(with("state", "/home/me"), fs::path("/home/me/.local/state/ocellus/history"));
  EXPECT_EQ(with(nullptr, "/home/me"), fs::path("/home/me/.local/state/ocellus/history"));
  EXPECT_EQ(with(nullptr, nullptr), std::nullopt);
  ::setenv("HOME", home.c_str(), 1);
}

}  // namespace
}  // namespace oc
