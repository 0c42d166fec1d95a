#include "base/hex.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

TEST(Hex, BytesBecomeTwoDigits) {
  EXPECT_EQ(to_hex(std::string_view("\x00\x0f\xa0\xff", 4)), "000fa0ff");
  EXPECT_EQ(to_hex(""), "");
}

TEST(Hex, ADigitOfEitherCase) {
  EXPECT_EQ(hex_digit('0'), 0);
  EXPECT_EQ(hex_digit('9'), 9);
  EXPECT_EQ(hex_digit('a'), 10);
  EXPECT_EQ(hex_digit('F'), 15);
  for (const char c : {'g', 'G', '/', ':', '@', '`', '\xff'}) EXPECT_EQ(hex_digit(c), -1) << c;
}

TEST(Hex, LowerCaseAndOfALength) {
  EXPECT_TRUE(is_lower_hex("0af", 3));
  EXPECT_FALSE(is_lower_hex("0AF", 3));
  EXPECT_FALSE(is_lower_hex("0a", 3));
  EXPECT_FALSE(is_lower_hex("0ag", 3));
}

}  // namespace
}  // namespace oc
