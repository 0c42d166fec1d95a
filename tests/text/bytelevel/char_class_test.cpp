#include "text/bytelevel/char_class.h"

#include <gtest/gtest.h>

#include <map>

namespace oc {
namespace {

TEST(CharClass, Ascii) {
  for (char32_t c = 0; c < 0x80; ++c) {
    const CharClass expected = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? CharClass::kLetter
                               : c >= '0' && c <= '9'                           ? CharClass::kNumber
                               : c == ' ' || (c >= 9 && c <= 13) ? CharClass::kWhiteSpace
                                                                 : CharClass::kOther;
    EXPECT_EQ(char_class(c), expected) << static_cast<int>(c);
  }
}

// tokenizers 0.21.4 answers so for all code points that are characters.
TEST(CharClass, AsManyAsTheReferenceHas) {
  std::map<CharClass, int> count;
  for (char32_t c = 0; c < 0x110000; ++c)
    if (c < 0xD800 || c > 0xDFFF) ++count[char_class(c)];
  EXPECT_EQ(count[CharClass::kLetter], 141028);
  EXPECT_EQ(count[CharClass::kNumber], 1911);
  EXPECT_EQ(count[CharClass::kWhiteSpace], 25);
  EXPECT_EQ(count[CharClass::kOther], 969100);
}

TEST(CharClass, AtTheEdges) {
  EXPECT_EQ(char_class(0xAA), CharClass::kLetter);
  EXPECT_EQ(char_class(0xB2), CharClass::kNumber);
  EXPECT_EQ(char_class(0x660), CharClass::kNumber);
  EXPECT_EQ(char_class(0x4E00), CharClass::kLetter);  // 一 is no number
  EXPECT_EQ(char_class(0x3007), CharClass::kNumber);  // 〇 is one
  EXPECT_EQ(char_class(0x180E), CharClass::kOther);   // was white space before Unicode 6.3
  EXPECT_EQ(char_class(0x1C89), CharClass::kLetter);  // of Unicode 16
  EXPECT_EQ(char_class(0x323B0), CharClass::kOther);  // of Unicode 17
  EXPECT_EQ(char_class(0x10FFFF), CharClass::kOther);
  EXPECT_EQ(char_class(0xD800), CharClass::kOther);
  EXPECT_EQ(char_class(0xFFFFFFFF), CharClass::kOther);
}

}  // namespace
}  // namespace oc
