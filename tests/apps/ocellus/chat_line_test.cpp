#include "chat_line.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/scratch_path.h"

namespace oc {
namespace {

namespace fs = std::filesystem;
using Kind = ChatLine::Kind;
using Files = std::vector<std::string>;

class ChatLineTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = scratch_path("chat lines");
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "sub dir");
    for (const char* name : {"a.png", "b c.png", "sub dir/d.jpg", "plain"})
      std::ofstream(folder_ / name) << "x";
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string at(const std::string& name) const { return (folder_ / name).string(); }
  static Files files(const std::string& line) {
    const ChatLine read = read_chat_line(line);
    return read.kind == Kind::kPictures ? read.files : Files{"no pictures: " + read.text};
  }

  fs::path folder_;
};

TEST_F(ChatLineTest, Commands) {
  EXPECT_EQ(read_chat_line("").kind, Kind::kNothing);
  EXPECT_EQ(read_chat_line("  \t").kind, Kind::kNothing);
  EXPECT_EQ(read_chat_line("/quit ").kind, Kind::kQuit);
  EXPECT_EQ(read_chat_line("/exit").kind, Kind::kQuit);
  EXPECT_EQ(read_chat_line("/reset").kind, Kind::kReset);
  EXPECT_EQ(read_chat_line("/help").kind, Kind::kHelp);
  EXPECT_EQ(read_chat_line("/imag x").kind, Kind::kUnknown);
  EXPECT_EQ(read_chat_line("/image").kind, Kind::kUnknown);
  EXPECT_EQ(read_chat_line("What is /image?").kind, Kind::kQuestion);
}

TEST_F(ChatLineTest, PicturesWithSpacesWithoutQuotes) {
  EXPECT_EQ(files(at("b c.png")), Files{at("b c.png")});
  EXPECT_EQ(files(at("a.png") + " " + at("b c.png") + " " + at("sub dir/d.jpg")),
            (Files{at("a.png"), at("b c.png"), at("sub dir/d.jpg")}));
  EXPECT_EQ(files("'" + at("b c.png") + "' \"" + at("a.png") + "\" "),
            (Files{at("b c.png"), at("a.png")}));
  EXPECT_EQ(files("/image " + at("b c.png")), Files{at("b c.png")});
  EXPECT_EQ(files("/image 'b c.png'"), Files{"b c.png"});
  EXPECT_EQ(files("/image no such"), Files{"no such"}) << "it will be told that it is not there";
}

TEST_F(ChatLineTest, PicturesThatAreNotThereAreNoQuestions) {
  EXPECT_EQ(files("nope.png"), Files{"nope.png"});
  EXPECT_EQ(files("'no pe.png'"), Files{"no pe.png"});
  EXPECT_EQ(files("a.png nope.jpeg"), (Files{"a.png", "nope.jpeg"}));
  EXPECT_EQ(files("/home/nobody/my picture.png"), Files{"/home/nobody/my picture.png"});
  EXPECT_EQ(files("~/nope.webp"), Files{"~/nope.webp"});
  EXPECT_EQ(files("https://example.org/a.png"), Files{"https://example.org/a.png"});
}

TEST_F(ChatLineTest, WhatCannotBeReadIsTold) {
  const std::string here = "'" + at("a.png") + "' ";
  EXPECT_EQ(files(here + "'/none/my b.png'"), (Files{at("a.png"), "/none/my b.png"}));
  EXPECT_EQ(files(here + "'/none/my photo'"), (Files{at("a.png"), "/none/my photo"}));
  EXPECT_EQ(files("'/none/photo'"), Files{"/none/photo"});
  EXPECT_EQ(files("~/none/photo"), Files{"~/none/photo"});
  EXPECT_EQ(files(folder_), Files{folder_}) << "a folder: it will be told";
  EXPECT_EQ(files("'" + at("sub dir") + "'"), Files{at("sub dir")});
  EXPECT_EQ(read_chat_line("/none").kind, Kind::kUnknown);
  EXPECT_EQ(read_chat_line("~/none or ~/nothing?").kind, Kind::kQuestion);
}

TEST_F(ChatLineTest, QuestionsStayQuestions) {
  for (const char* line : {"What is in nope.png?", "describe nope.png", "yes", "don't", "plain",
                           "-", "What is it", "\"quoted\"", "1/2 or 2.png?"}) {
    const ChatLine read = read_chat_line(line);
    EXPECT_EQ(read.kind, Kind::kQuestion) << line;
    EXPECT_EQ(read.text, line);
  }
  EXPECT_EQ(read_chat_line(" What?\r").text, "What?");
}

TEST_F(ChatLineTest, Completions) {
  using Words = std::vector<std::string>;
  EXPECT_EQ(complete_chat_line("/re").words, Words{"/reset"});
  EXPECT_EQ(complete_chat_line("/re").replaced, 3u);
  EXPECT_EQ(complete_chat_line("/quit").words, Words{"/quit"});
  EXPECT_TRUE(complete_chat_line("What is").words.empty());
  EXPECT_TRUE(complete_chat_line("").words.empty());
  EXPECT_EQ(complete_chat_line(at("b")).words, Words{at("b c.png")});
  EXPECT_EQ(complete_chat_line(at("sub")).words, Words{at("sub dir/")});
  const Completion image = complete_chat_line("/image '" + at("sub dir/"));
  EXPECT_EQ(image.words, Words{at("sub dir/d.jpg")});
  EXPECT_EQ(image.replaced, at("sub dir/").size());
}

}  // namespace
}  // namespace oc
