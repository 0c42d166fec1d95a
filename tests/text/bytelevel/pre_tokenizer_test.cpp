#include "text/bytelevel/pre_tokenizer.h"

#include <gtest/gtest.h>

#include <string>

namespace oc {
namespace {

std::string pieces(std::string_view text, bool digits_apart = false) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = PreTokenizer(digits_apart).first_piece(text);
    if (!out.empty()) out += '|';
    out += text.substr(0, size);
    text.remove_prefix(size);
  }
  return out;
}

TEST(PreTokenizer, WordsTakeOneSpaceInFront) {
  EXPECT_EQ(pieces("Hello world"), "Hello| world");
  EXPECT_EQ(pieces(" a b"), " a| b");
  EXPECT_EQ(pieces("a, b... c"), "a|,| b|...| c");
  EXPECT_EQ(pieces("x1 23y"), "x|1| 23|y");
  EXPECT_EQ(pieces("\ta"), "\t|a");
  EXPECT_EQ(pieces("a\u00a0b \u00a0c"), "a|\u00a0|b| |\u00a0|c");
}

TEST(PreTokenizer, WhiteSpaceLeavesItsLastToWhatComesBehind) {
  EXPECT_EQ(pieces("a  b"), "a| | b");
  EXPECT_EQ(pieces("a   "), "a|   ");
  EXPECT_EQ(pieces("\n\nb"), "\n|\n|b");
  EXPECT_EQ(pieces("\n\n b"), "\n\n| b");
  EXPECT_EQ(pieces(" \n"), " \n");
  EXPECT_EQ(pieces("  \u3000x"), "  |\u3000|x");
}

TEST(PreTokenizer, ContractionsInLowerCase) {
  EXPECT_EQ(pieces("it's we'll've"), "it|'s| we|'ll|'ve");
  EXPECT_EQ(pieces("it'S"), "it|'|S");
  EXPECT_EQ(pieces("'sx 's"), "'s|x| '|s");
  EXPECT_EQ(pieces("!'s"), "!'|s");
  EXPECT_EQ(pieces("'"), "'");
}

TEST(PreTokenizer, ByUnicode) {
  EXPECT_EQ(pieces("Größe日本 лиса"), "Größe日本| лиса");
  EXPECT_EQ(pieces("²½Ⅻ٣一"), "²½Ⅻ٣|一");
  EXPECT_EQ(pieces("e\u0301a"), "e|\u0301|a");  // a combining accent is no letter
  EXPECT_EQ(pieces("🦙🦙a"), "🦙🦙|a");
  EXPECT_EQ(pieces("a\u200bb"), "a|\u200b|b");  // zero width space is not white space
}

TEST(PreTokenizer, DigitsApart) {
  EXPECT_EQ(pieces("a 42b", true), "a| |4|2|b");
  EXPECT_EQ(pieces("a  4", true), "a|  |4");
  EXPECT_EQ(pieces("1 's", true), "1| '|s");
  EXPECT_EQ(pieces("²½Ⅻ٣一", true), "²|½|Ⅻ|٣|一");
  EXPECT_EQ(pieces("it'1s", true), "it|'|1|s");
}

TEST(PreTokenizer, BytesThatAreNotUtf8AreSigns) {
  EXPECT_EQ(pieces("a\xFF\xC3!b"), "a|\xFF\xC3!|b");
  EXPECT_EQ(pieces(" \xC3"), " \xC3");
  EXPECT_EQ(pieces("\xE2\x82"), "\xE2\x82");
}

}  // namespace
}  // namespace oc
