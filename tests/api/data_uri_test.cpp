#include "api/data_uri.h"

#include <gtest/gtest.h>

#include <string>

namespace oc {
namespace {

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string error_of(std::string_view text, std::size_t max_bytes = 1000) {
  auto result = decode_base64(text, max_bytes);
  return result.ok() ? "" : result.error().describe();
}

TEST(Base64, Rfc4648Vectors) {
  for (const auto& [encoded, plain] :
       {std::pair{"", ""}, std::pair{"Zg==", "f"}, std::pair{"Zm8=", "fo"},
        std::pair{"Zm9v", "foo"}, std::pair{"Zm9vYg==", "foob"}, std::pair{"Zm9vYmE=", "fooba"},
        std::pair{"Zm9vYmFy", "foobar"}}) {
    auto result = decode_base64(encoded, 100);
    ASSERT_TRUE(result.ok()) << encoded << ": " << result.error().message;
    EXPECT_EQ(text_of(*result), plain);
  }
}

TEST(Base64, AllByteValuesComeBack) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t length = 0; length < 260; ++length) {
    std::string plain;
    for (std::size_t i = 0; i < length; ++i) plain += static_cast<char>(255 - i % 256);
    std::string encoded;
    for (std::size_t i = 0; i < length; i += 3) {
      unsigned bits = 0;
      for (std::size_t j = 0; j < 3; ++j)
        bits = bits << 8 | (i + j < length ? static_cast<unsigned char>(plain[i + j]) : 0u);
      for (std::size_t j = 0; j < 4; ++j)
        encoded += i + j <= length ? kAlphabet[bits >> (18 - 6 * j) & 63] : '=';
    }
    auto result = decode_base64(encoded, length);
    ASSERT_TRUE(result.ok()) << length << ": " << result.error().message;
    EXPECT_EQ(text_of(*result), plain);
  }
}

std::string decoded(std::string_view text, bool percent_encoded = false) {
  const auto result = decode_base64(text, 1000, 0, percent_encoded);
  EXPECT_TRUE(result.ok()) << text << ": " << result.error().describe();
  return result.ok() ? text_of(*result) : "";
}

TEST(Base64, IsReadAsBrowsersDo) {
  for (const std::string_view text :
       {"Zm9vYg==", "Zm9vYg", "Zm9v Yg==", "Zm9vYg=\n=", "\r\nZm9v\r\nYg==\r\n", " Z m 9 v Y g ",
        "Zm9vYh==", "Zm9vYg==\n"})
    EXPECT_EQ(decoded(text), "foob") << text;
  EXPECT_EQ(decoded("Zm9="), "fo") << "bits behind the last byte";
  EXPECT_EQ(decoded("-_-_"), decoded("+/+/")) << "URL-safe letters";
  EXPECT_EQ(decoded("%5am9v%0AYg%3D%3d", true), "foob");
  EXPECT_EQ(decoded("%2B%2f%2b/", true), decoded("+/+/"));
  EXPECT_EQ(decoded(""), "");
  EXPECT_EQ(decoded(" \n"), "");
}

TEST(Base64, ErrorsNameTheOffset) {
  EXPECT_NE(error_of("Zm9v!mFy").find("offset 4"), std::string::npos);
  EXPECT_NE(error_of("Zm9v\n!mFy").find("offset 5"), std::string::npos);
  EXPECT_NE(error_of("Zm%3D").find("offset 2"), std::string::npos) << "not percent-encoded";
  EXPECT_NE(error_of("Zm9vY").find("ends early at offset 5"), std::string::npos);
  EXPECT_NE(error_of("Zm9vYg=").find("ends early at offset 7"), std::string::npos);
  EXPECT_NE(error_of("Zm=v").find("offset 3"), std::string::npos);  // padding in the middle
  EXPECT_NE(error_of("Zg==Zg==").find("offset 4"), std::string::npos);
  EXPECT_NE(error_of("====").find("offset 0"), std::string::npos);
  EXPECT_NE(error_of("Z===").find("offset 1"), std::string::npos);
  EXPECT_NE(error_of("Zm9vA===").find("offset 5"), std::string::npos);
  EXPECT_NE(error_of("Zm9vYg===").find("offset 8"), std::string::npos);
  EXPECT_NE(error_of("Zm9v\xc3\xa4==").find("offset 4"), std::string::npos);
  EXPECT_NE(error_of(std::string_view("Zm9\0Zm9v", 8)).find("offset 3"), std::string::npos);
}

TEST(Base64, LimitCountsDecodedBytes) {
  EXPECT_EQ(error_of("Zm9v", 3), "");
  EXPECT_EQ(error_of("Zm8=", 2), "");
  for (const std::string_view text : {"Zm9v", "Zm9vYmFyZm9vYmFy"}) {
    auto result = decode_base64(text, 2);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, ErrorCode::kTooLarge);
  }
}

TEST(DataUri, TakesWhatBrowsersWrite) {
  for (const std::string_view uri :
       {"data:image/png;base64,Zm9v", "DATA:image/PNG;BASE64,Zm9v", "data:;base64,Zm9v",
        "data:application/octet-stream;name=x;base64,Zm9v", "data:image/png; base64,Zm9v",
        "data:image/png ; base64 ,Zm9v\n", "\n data:image/png;base64,Zm%39v"}) {
    auto result = decode_data_uri(uri, 100);
    ASSERT_TRUE(result.ok()) << uri << ": " << result.error().message;
    EXPECT_EQ(text_of(*result), "foo");
  }
}

TEST(DataUri, SaysWhatToSendInstead) {
  const auto error = [](std::string_view uri) {
    auto result = decode_data_uri(uri, 100);
    EXPECT_FALSE(result.ok()) << uri;
    return result.ok() ? "" : result.error().describe();
  };
  EXPECT_NE(error("https://example.com/cat.png").find("remote fetching is off"), std::string::npos);
  EXPECT_NE(error("HTTP://example.com").find("remote fetching is off"), std::string::npos);
  EXPECT_NE(error("file:///etc/passwd").find("files of the server"), std::string::npos);
  EXPECT_NE(error("/etc/passwd").find("data URI"), std::string::npos);
  EXPECT_NE(error("Zm9v").find("data URI"), std::string::npos);
  EXPECT_NE(error("").find("data URI"), std::string::npos);
  EXPECT_NE(error("data:image/png;base64").find("comma"), std::string::npos);
  EXPECT_NE(error("data:image/svg+xml,<svg/>").find("base64"), std::string::npos);
  EXPECT_NE(error("data:image/png;base64,").find("no data"), std::string::npos);
  EXPECT_NE(error("data:image/png;base64,Zm9v!AAA").find("offset 26"), std::string::npos);
  EXPECT_NE(error("data:" + std::string(1000, 'x') + ";base64,Zm9v").find("comma"),
            std::string::npos);
}

}  // namespace
}  // namespace oc
