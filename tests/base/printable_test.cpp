#include "base/printable.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

using namespace std::string_literals;

TEST(PrintableTest, WhatDrivesATerminalIsSpelledOut) {
  EXPECT_EQ(printable("\x1b]0;title\x07\x1b[2J", Lines::kOne), "\\u001b]0;title\\u0007\\u001b[2J");
  EXPECT_EQ(printable("a\rb\bc\x7f\0d"s, Lines::kMany), "a\\u000db\\u0008c\\u007f\\u0000d");
  EXPECT_EQ(printable("\u0080\u009b31m\u009f", Lines::kMany), "\\u0080\\u009b31m\\u009f");
}

TEST(PrintableTest, WhatTurnsTheDirectionOfWritingIsSpelledOut) {
  EXPECT_EQ(printable("\u202a\u202b\u202c\u202d\u202e", Lines::kMany),
            "\\u202a\\u202b\\u202c\\u202d\\u202e");
  EXPECT_EQ(printable("\u2066\u2067\u2068\u2069", Lines::kMany), "\\u2066\\u2067\\u2068\\u2069");
  EXPECT_EQ(printable("\u2028\u2029", Lines::kMany), "\\u2028\\u2029");
}

TEST(PrintableTest, BytesThatAreNoTextAreSpelledOut) {
  EXPECT_EQ(printable("a\x9b"s + "31m\xff\xc3", Lines::kMany), "a\\ufffd31m\\ufffd\\ufffd");
  EXPECT_EQ(printable("\xc2", Lines::kMany), "\\ufffd") << "half of a C1";
}

TEST(PrintableTest, LinesAndTabsStayWhereThereMayBeMany) {
  EXPECT_EQ(printable("a\n\tb", Lines::kMany), "a\n\tb");
  EXPECT_EQ(printable("a\n\tb", Lines::kOne), "a\\n\\u0009b");
}

TEST(PrintableTest, OtherTextStays) {
  const std::string text = "Öl 你好 🦙 \"q\" C:\\x שלום \u200f\u00a0\ufffd";
  EXPECT_EQ(printable(text, Lines::kMany), text);
  EXPECT_EQ(printable("", Lines::kOne), "");
}

TEST(PrintableTest, InQuotesItIsAJsonString) {
  EXPECT_EQ(printable_in_quotes("a\"b\\\n\x1b\u009b\xff"), "a\\\"b\\\\\\n\\u001b\\u009b\\ufffd");
}

TEST(PrintableTest, ShortenedIsCutBetweenCharacters) {
  EXPECT_EQ(shortened("abc", 3), "abc");
  EXPECT_EQ(shortened("abcd", 3), "abc…");
  EXPECT_EQ(shortened("a你你", 5), "a你…");
}

TEST(PrintableTest, ExcerptsAreShortAndQuoted) {
  EXPECT_EQ(excerpt("abc"), "\"abc\"");
  EXPECT_EQ(excerpt("a\n\x1b[2J\xff"), "\"a\\x0A\\x1B[2J\\xFF\"");
  EXPECT_EQ(excerpt("\u202e"), "\"\\u202e\"");
  const std::string cut = excerpt(std::string(1000, 'x'));
  EXPECT_LT(cut.size(), 70u);
  EXPECT_TRUE(cut.ends_with("x…\"")) << cut;
}

TEST(PrintableTest, Names) {
  EXPECT_EQ(shown_name("a\"b\n"), R"("a\"b\n")");
  EXPECT_LT(shown_name(std::string(1000, 'x')).size(), 210u);
}

}  // namespace
}  // namespace oc
