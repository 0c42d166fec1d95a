#include "io/base64.h"

#include <gtest/gtest.h>

namespace oc {
namespace {

std::string encoded(std::string_view text) {
  return encode_base64(std::as_bytes(std::span(text.data(), text.size())));
}

// RFC 4648, section 10.
TEST(Base64, TheExamplesOfItsStandard) {
  EXPECT_EQ(encoded(""), "");
  EXPECT_EQ(encoded("f"), "Zg==");
  EXPECT_EQ(encoded("fo"), "Zm8=");
  EXPECT_EQ(encoded("foo"), "Zm9v");
  EXPECT_EQ(encoded("foobar"), "Zm9vYmFy");
  EXPECT_EQ(encoded("\xFB\xFF"), "+/8=");
}

TEST(Base64, APicturesAddress) {
  const std::string_view bytes = "f";
  EXPECT_EQ(picture_data_uri(std::as_bytes(std::span(bytes)), "PNG"), "data:image/png;base64,Zg==");
}

}  // namespace
}  // namespace oc
