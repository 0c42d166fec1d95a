#include "text/bytelevel/utf8_joiner.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/base/utf8_reference.h"

namespace oc {
namespace {

std::string join(std::string_view bytes) {
  Utf8Joiner joiner;
  std::string out;
  joiner.push(bytes, out);
  joiner.end(out);
  return out;
}

TEST(Utf8Joiner, OneReplacementForEachLongestBeginning) {
  EXPECT_EQ(join("a€🦙"), "a€🦙");
  EXPECT_EQ(join("\xE2\x82"), "\uFFFD");
  EXPECT_EQ(join("\xE2\x82x"), "\uFFFDx");
  EXPECT_EQ(join("\xF0\x9F\xA6\xF0\x9F\xA6\x99"), "\uFFFD🦙");
  EXPECT_EQ(join("\xC3\xC3\xA9"), "\uFFFDé");
  EXPECT_EQ(join("\x80\x80"), "\uFFFD\uFFFD");
  EXPECT_EQ(join("\xE0\x80\x80"), "\uFFFD\uFFFD\uFFFD");  // overlong: E0 begins nothing there
  EXPECT_EQ(join("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_EQ(join("\xF4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD");  // past U+10FFFF
}

TEST(Utf8Joiner, WaitsForWholeCodePointsOnly) {
  Utf8Joiner joiner;
  std::string out;
  joiner.push("a\xF0\x9F", out);
  EXPECT_EQ(out, "a");
  EXPECT_EQ(joiner.waiting(), "\uFFFD");
  joiner.push("\xA6", out);
  EXPECT_EQ(out, "a");
  joiner.push("\x99", out);
  EXPECT_EQ(out, "a🦙");
  EXPECT_EQ(joiner.waiting(), "");
  joiner.end(out);
  EXPECT_EQ(out, "a🦙");
}

TEST(Utf8Joiner, AnyCutGivesTheSame) {
  std::mt19937 random(5);
  for (int i = 0; i < 3000; ++i) {
    std::string bytes(random() % 12, '\0');
    for (char& c : bytes) c = "\xF0\x9F\xA6\x99\xC3\xA9\xE2\x82\xAC\x80 a"[random() % 12];
    Utf8Joiner joiner;
    std::string out;
    for (const char c : bytes) {
      joiner.push(std::string_view(&c, 1), out);
      ASSERT_TRUE(test::is_utf8(out));
    }
    joiner.end(out);
    ASSERT_EQ(out, join(bytes));
    if (!test::is_utf8(bytes)) continue;
    ASSERT_EQ(out, bytes);
  }
}

}  // namespace
}  // namespace oc
