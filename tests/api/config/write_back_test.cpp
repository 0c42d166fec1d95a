#include "api/config/write_back.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>

#include "api/config/config.h"
#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

struct WriteBack : testing::Test {
  fs::path folder = scratch_path("write-back");
  fs::path file = folder / "phi.json";
  const std::string before =
      "{\"model_path\":\"m\",\n \"server\": { \"port\":8080 },\"t\": 0.7, \"list\": [1, 2]}\n";

  void SetUp() override {
    fs::remove_all(folder);
    fs::create_directories(folder);
    std::ofstream(file) << before;
    ::chmod(file.c_str(), 0640);
  }
  void TearDown() override { fs::remove_all(folder); }

  std::string text() const {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
  }
  Result<void> write(const std::string& changes) const {
    OC_ASSIGN_OR_RETURN(const std::string changed, changed_text(file, changes));
    return replace_file(file, changed);
  }
};

TEST_F(WriteBack, ChangesWhatWasChangedAndKeepsTheMode) {
  const auto done = write(R"({"active_model":"x","server":{"port":9000}})");
  ASSERT_TRUE(done.ok()) << done.error().describe();
  EXPECT_EQ(text(),
            "{\"model_path\":\"m\",\n \"server\": { \"port\":9000 },\"t\": 0.7, \"list\": [1, 2], "
            "\"active_model\": \"x\"}\n");
  struct stat now {};
  ASSERT_EQ(::stat(file.c_str(), &now), 0);
  EXPECT_EQ(now.st_mode & 07777, 0640u);
  EXPECT_EQ(files(), 1u);
}

TEST_F(WriteBack, TheOwnerStays) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  ASSERT_EQ(::chown(file.c_str(), 1234, 5678), 0);
  ASSERT_TRUE(write(R"({"active_model":"x"})").ok());
  struct stat now {};
  ASSERT_EQ(::stat(file.c_str(), &now), 0);
  EXPECT_EQ(now.st_uid, 1234u);
  EXPECT_EQ(now.st_gid, 5678u);
}

TEST_F(WriteBack, ALinkStaysALink) {
  const fs::path link = folder / "link.json";
  fs::create_symlink("phi.json", link);
  const auto changed = changed_text(link, R"({"active_model":"y"})");
  ASSERT_TRUE(changed.ok() && replace_file(link, *changed).ok());
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_NE(text().find(R"("active_model": "y")"), std::string::npos);
}

TEST_F(WriteBack, WhatCannotBeReadStaysAsItIs) {
  std::ofstream(file) << "{broken";
  EXPECT_EQ(changed_text(file, R"({"active_model":"y"})").error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(text(), "{broken");
  fs::remove(file);
  const auto gone = changed_text(file, R"({"active_model":"y"})");
  ASSERT_FALSE(gone.ok());
  EXPECT_TRUE(gone.error().message.starts_with("phi.json")) << "without its folder";
}

TEST_F(WriteBack, AReadOnlyFileIsLeftAlone) {
  ::chmod(file.c_str(), 0444);
  for (const auto& done : {try_to_replace(file, "{}"), replace_file(file, "{}")}) {
    ASSERT_FALSE(done.ok());
    EXPECT_EQ(done.error().code, ErrorCode::kUnavailable);
    EXPECT_NE(done.error().message.find("phi.json cannot be written"), std::string::npos);
    EXPECT_EQ(done.error().message.find(folder.string()), std::string::npos);
  }
  EXPECT_EQ(text(), before);
  EXPECT_EQ(files(), 1u);
}

// As on a full disk: what has been written goes, the old file stays.
TEST_F(WriteBack, AFullDiskLeavesTheOldFile) {
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{1000, old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto tried = try_to_replace(file, std::string(100'000, ' '));
  const auto done = replace_file(file, std::string(100'000, ' '));
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(tried.ok());
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(text(), before);
  EXPECT_EQ(files(), 1u);
}

TEST_F(WriteBack, TryingChangesNothing) {
  ASSERT_TRUE(try_to_replace(file, "{}").ok());
  EXPECT_EQ(text(), before);
  EXPECT_EQ(files(), 1u);
}

TEST_F(WriteBack, AByteOrderMarkIsReadAndKept) {
  std::ofstream(file) << "\xEF\xBB\xBF{\"server\": {\"port\": 7}}";
  ASSERT_TRUE(write(R"({"server":{"port":8}})").ok());
  EXPECT_EQ(text(), "\xEF\xBB\xBF{\"server\": {\"port\": 8}}");
  Config config;
  config.read_file(file);
  EXPECT_FALSE(config.has_errors());
  EXPECT_EQ(config.get<std::int64_t>("server.port"), 8);
}

}  // namespace
}  // namespace oc
