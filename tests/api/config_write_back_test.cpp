#include "api/config/write_back.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "io/json.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

struct WriteBack : testing::Test {
  fs::path folder = fs::path(testing::TempDir()) / "write_back";
  fs::path file = folder / "phi.json";

  void SetUp() override {
    fs::remove_all(folder);
    fs::create_directories(folder);
    std::ofstream(file)
        << R"({"model_path":"m","server":{"port":8080,"host":"a"},"list":[1,2],"e":{}})";
    ::chmod(file.c_str(), 0640);
  }
  void TearDown() override { fs::remove_all(folder); }

  std::string text() const {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
  }
};

TEST_F(WriteBack, MergesAndKeepsOrderAndMode) {
  const auto done = write_back(
      file, R"({"active_model":"x","server":{"port":9000},"frontend":{"video_width":1}})");
  ASSERT_TRUE(done.ok()) << done.error().describe();
  EXPECT_EQ(text(), R"({
  "model_path": "m",
  "server": {
    "port": 9000,
    "host": "a"
  },
  "list": [
    1,
    2
  ],
  "e": {},
  "active_model": "x",
  "frontend": {
    "video_width": 1
  }
}
)");
  struct stat now {};
  ASSERT_EQ(::stat(file.c_str(), &now), 0);
  EXPECT_EQ(now.st_mode & 07777, 0640u);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 1);
}

TEST_F(WriteBack, ALinkStaysALink) {
  const fs::path link = folder / "link.json";
  fs::create_symlink("phi.json", link);
  ASSERT_TRUE(write_back(link, R"({"active_model":"y"})").ok());
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_NE(text().find(R"("active_model": "y")"), std::string::npos);
}

TEST_F(WriteBack, WhatCannotBeWrittenStaysAsItIs) {
  std::ofstream(file) << "{broken";
  EXPECT_FALSE(write_back(file, R"({"active_model":"y"})").ok());
  EXPECT_EQ(text(), "{broken");
  fs::remove(file);
  const auto gone = write_back(file, R"({"active_model":"y"})");
  ASSERT_FALSE(gone.ok());
  EXPECT_NE(gone.error().message.find("phi.json"), std::string::npos);
}

}  // namespace
}  // namespace oc
