#include "text/added_tokens.h"

#include <gtest/gtest.h>

#include <string>

namespace oc {
namespace {

AddedToken token(TokenId id, std::string content, bool lstrip = false, bool rstrip = false) {
  return {.id = id, .content = std::move(content), .lstrip = lstrip, .rstrip = rstrip};
}

// "text|[3:added]|text"
std::string show(const AddedTokens& added, std::string_view text) {
  std::string out;
  added.split(text, [&](const TextSegment& segment) {
    if (!out.empty()) out += '|';
    out += segment.added < 0
               ? std::string(segment.text)
               : "[" + std::to_string(segment.added) + ":" + std::string(segment.text) + "]";
  });
  return out;
}

TEST(AddedTokens, LeftmostThenLongest) {
  const AddedTokens added(
      {token(1, "abcd"), token(2, "ab"), token(3, "bcde"), token(4, "abcdefg"), token(5, "é")});
  EXPECT_EQ(show(added, ""), "");
  EXPECT_EQ(show(added, "xyz"), "xyz");
  EXPECT_EQ(show(added, "abcde"), "[1:abcd]|e");    // leftmost: not "bcde"
  EXPECT_EQ(show(added, "abcdef"), "[1:abcd]|ef");  // "abcdefg" begins, but does not end
  EXPECT_EQ(show(added, "abcdefg"), "[4:abcdefg]");
  EXPECT_EQ(show(added, "abc"), "[2:ab]|c");
  EXPECT_EQ(show(added, "xbcdeab"), "x|[3:bcde]|[2:ab]");
  EXPECT_EQ(show(added, "aabab"), "a|[2:ab]|[2:ab]");
  EXPECT_EQ(show(added, "\xC3\xA9\xC3\xA8\xA9"), "[5:é]|\xC3\xA8\xA9");
}

TEST(AddedTokens, SwallowsUnicodeWhiteSpace) {
  const AddedTokens added({token(1, "<l>", true), token(2, "<r>", false, true), token(3, "<n>")});
  EXPECT_EQ(show(added, "a \n<l> b"), "a|[1: \n<l>]| b");
  EXPECT_EQ(show(added, "a <r>\u3000\u2028\n b"), "a |[2:<r>\u3000\u2028\n ]|b");
  EXPECT_EQ(show(added, "<r>\u200Bb"), "[2:<r>]|\u200Bb");  // zero width space is not white space
  EXPECT_EQ(show(added, " <n> "), " |[3:<n>]| ");
  EXPECT_EQ(show(added, "<r>  <l>"), "[2:<r>  ]|[1:<l>]");  // the first one takes what is between
  EXPECT_EQ(show(added, "<n>  <l>"), "[3:<n>]|[1:  <l>]");
  EXPECT_EQ(show(added, "\xA0<l>"), "\xA0|[1:<l>]");  // half a no-break space is not white space
}

// tokenizers 0.21.4 answers so: what was swallowed may be found once more.
TEST(AddedTokens, ATokenMayBeginInsideSwallowedWhiteSpace) {
  const AddedTokens added(
      {token(1, "<r>", false, true), token(2, " x"), token(3, "  "), token(4, "<l>", true)});
  EXPECT_EQ(show(added, "<r> x x"), "[1:<r> ]|[2: x]|[2: x]");
  EXPECT_EQ(show(added, "<r>  \nb"), "[1:<r>  \n]|[3:  ]|\nb");
  EXPECT_EQ(show(added, "<r>  <l>"), "[1:<r>  ]|[3:  ]|[4:<l>]");
  EXPECT_EQ(show(added, "<r>  \n<l>a"), "[1:<r>  \n]|[3:  ]|[4:\n<l>]|a");
}

TEST(AddedTokens, NormalizedOnesComeSecond) {
  AddedToken ab = token(1, "ab"), left = token(2, "<l>", true);
  ab.normalized = left.normalized = true;
  const AddedTokens added({ab, left, token(3, "bc"), token(4, "<r>", false, true)});
  EXPECT_EQ(show(added, "abc ab"), "a|[3:bc]| |[1:ab]");
  EXPECT_EQ(show(added, "<r>  <l>"), "[4:<r>  ]|[2:<l>]");
  EXPECT_EQ(show(added, "bc  <l>x"), "[3:bc]|[2:  <l>]|x");
  EXPECT_EQ(show(added, "ab  <l>"), "[1:ab]|[2:  <l>]");
}

TEST(AddedTokens, SwallowingTheSameAgainTakesNoTime) {
  const AddedTokens added({token(1, " ", true, true)});
  std::size_t count = 0;
  added.split(std::string(200'000, ' '), [&](const TextSegment&) { ++count; });
  EXPECT_EQ(count, 200'000u);
}

TEST(AddedTokens, NoneAtAll) { EXPECT_EQ(show(AddedTokens(), "<s>"), "<s>"); }

}  // namespace
}  // namespace oc
