#include "base/ascii.h"

#include <gtest/gtest.h>

#include <cctype>

namespace oc {
namespace {

TEST(Ascii, EveryByteIsWhatTheCLocaleSays) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    EXPECT_EQ(is_digit(c), std::isdigit(byte) != 0) << byte;
    EXPECT_EQ(is_letter(c), std::isalpha(byte) != 0) << byte;
    EXPECT_EQ(is_letter_or_digit(c), std::isalnum(byte) != 0) << byte;
    EXPECT_EQ(lower(c), static_cast<char>(std::tolower(byte))) << byte;
    EXPECT_EQ(upper(c), static_cast<char>(std::toupper(byte))) << byte;
  }
}

TEST(Ascii, TextIgnoringCase) {
  EXPECT_EQ(lower("Content-TYPE Ä"), "content-type Ä");
  EXPECT_TRUE(equal_ignoring_case("Warn", "wARN"));
  EXPECT_FALSE(equal_ignoring_case("warn", "warning"));
  EXPECT_FALSE(equal_ignoring_case("@", "`")) << "the same but for the bit of letters";
  EXPECT_TRUE(starts_with_ignoring_case("HTTP://host", "http://"));
  EXPECT_FALSE(starts_with_ignoring_case("htt", "http://"));
  EXPECT_TRUE(starts_with_ignoring_case("x", ""));
}

}  // namespace
}  // namespace oc
