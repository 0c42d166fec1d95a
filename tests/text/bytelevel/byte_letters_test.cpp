#include "text/bytelevel/byte_letters.h"

#include <gtest/gtest.h>

#include <set>

#include "base/utf8.h"

namespace oc {
namespace {

TEST(ByteLetters, EveryByteHasALetterOfItsOwn) {
  std::set<std::string> letters;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string letter = letter_of_byte(static_cast<std::uint8_t>(byte));
    const CodePoint point = first_code_point(letter);
    EXPECT_EQ(point.size, letter.size());
    EXPECT_EQ(byte_of_letter(point.value), byte);
    EXPECT_EQ(bytes_of_content(letter), std::string(1, static_cast<char>(byte)));
    letters.insert(letter);
  }
  EXPECT_EQ(letters.size(), 256u);
}

TEST(ByteLetters, AsGpt2HasThem) {
  EXPECT_EQ(letter_of_byte('a'), "a");
  EXPECT_EQ(letter_of_byte(' '), "Ġ");
  EXPECT_EQ(letter_of_byte('\n'), "Ċ");
  EXPECT_EQ(letter_of_byte('\t'), "ĉ");
  EXPECT_EQ(letter_of_byte(0), "Ā");
  EXPECT_EQ(letter_of_byte(0x7F), "ġ");
  EXPECT_EQ(letter_of_byte(0xA0), "ł");
  EXPECT_EQ(letter_of_byte(0xAD), "Ń");
  EXPECT_EQ(letter_of_byte(0xFF), "ÿ");
  int letters = 0;
  for (char32_t c = 0; c < 0x1000; ++c) letters += byte_of_letter(c) >= 0;
  EXPECT_EQ(letters, 256);
  EXPECT_EQ(byte_of_letter(0x144), -1);
  EXPECT_EQ(byte_of_letter(0xFFFFFFFF), -1);
}

TEST(ByteLetters, AContentWithAnythingElseIsItself) {
  EXPECT_EQ(bytes_of_content("Ġthe"), " the");
  EXPECT_EQ(bytes_of_content("Ã©"), "é");
  EXPECT_EQ(bytes_of_content("<|end|>"), "<|end|>");
  EXPECT_EQ(bytes_of_content("Ġ the"), "Ġ the");
  EXPECT_EQ(bytes_of_content("Ġ日"), "Ġ日");
  EXPECT_EQ(bytes_of_content(""), "");
}

}  // namespace
}  // namespace oc
