#include "base/utf8.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/base/utf8_reference.h"

namespace oc {
namespace {

std::string encode(char32_t c) {
  std::string out;
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
  return out;
}

TEST(Utf8, EveryCodePointAndOnlyThose) {
  for (char32_t c = 0; c < 0x110000 + 0x1000; ++c) {
    const bool valid = c < 0x110000 && (c < 0xD800 || c >= 0xE000);
    const std::string bytes = encode(c);
    const CodePoint first = first_code_point(bytes + "x");
    const CodePoint last = last_code_point("é" + bytes);
    if (valid) {
      ASSERT_TRUE(first.size == bytes.size() && first.value == c) << static_cast<unsigned>(c);
      ASSERT_TRUE(last.size == bytes.size() && last.value == c) << static_cast<unsigned>(c);
    } else {
      ASSERT_EQ(first.size, 0u) << static_cast<unsigned>(c);
      ASSERT_EQ(last.size, 0u) << static_cast<unsigned>(c);
    }
  }
}

TEST(Utf8, OverlongTruncatedAndStrayBytesAreNothing) {
  for (const char* bytes :
       {"", "\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3x", "\xE0\x9F\xBF", "\xE2\x96",
        "\xE2\x96x", "\xF0\x8F\xBF\xBF", "\xF0\x9F\xA6", "\xF5\x80\x80\x80", "\xFE", "\xFF"}) {
    EXPECT_EQ(first_code_point(bytes).size, 0u) << bytes;
  }
}

TEST(Utf8, WholeTexts) {
  for (const char* text : {"", "a", "ä→🦊", "\xEF\xBF\xBD"}) EXPECT_TRUE(is_utf8(text)) << text;
  for (const char* text : {"\x80", "a\xC3", "\xC3\xA4\xC3", "\xED\xA0\x80", "\xF4\x90\x80\x80"})
    EXPECT_FALSE(is_utf8(text)) << text;
}

// Every three bytes, against the independent check of the fixtures.
TEST(Utf8, CheckerAgreesWithADecoder) {
  for (unsigned lead = 0; lead < 256; ++lead) {
    for (unsigned second = 0; second < 256; ++second) {
      for (const unsigned third : {0x00u, 0x41u, 0x7Fu, 0x80u, 0x9Fu, 0xA0u, 0xBFu, 0xC3u, 0xF0u}) {
        const std::string bytes = {static_cast<char>(lead), static_cast<char>(second),
                                   static_cast<char>(third)};
        Utf8Checker checker;
        bool good = true;
        for (const char byte : bytes) good = good && checker.feed(static_cast<std::uint8_t>(byte));
        ASSERT_EQ(good && checker.complete(), test::is_utf8(bytes))
            << lead << ' ' << second << ' ' << third;
      }
    }
  }
}

TEST(Utf8, TextIsCutBetweenCodePoints) {
  const std::string_view text = "aé你😀";  // 1, 2, 3 and 4 bytes
  const std::size_t sizes[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  for (std::size_t max = 0; max < std::size(sizes); ++max)
    EXPECT_EQ(whole_code_points(text, max), text.substr(0, sizes[max])) << max;
  EXPECT_EQ(whole_code_points("\x80\x80\x80", 2), "") << "what is no text has no beginning";
}

TEST(Utf8, WhiteSpaceIsTheUnicodeProperty) {
  int count = 0;
  for (char32_t c = 0; c < 0x110000; ++c) count += is_white_space(c);
  EXPECT_EQ(count, 25);  // PropList.txt: White_Space has 25 code points
  EXPECT_TRUE(is_white_space(0x3000));
  EXPECT_FALSE(is_white_space(0x200B));  // zero width space
  EXPECT_FALSE(is_white_space(0x1C));    // white space to Python, not to Unicode
}

}  // namespace
}  // namespace oc
