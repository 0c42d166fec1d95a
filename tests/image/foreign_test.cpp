// What is no picture that can be read is called by its name, and it is said what to do.
#include "image/foreign.h"

#include "tests/image/fixtures.h"

namespace oc {
namespace {

using namespace std::string_view_literals;
using test::decode;
using test::error_of;
using test::has;
using test::number;

void expect_named(std::string_view bytes, std::string_view name, std::string_view hint) {
  const Error error = error_of(decode(bytes));
  EXPECT_EQ(error.code, ErrorCode::kUnsupported) << name;
  EXPECT_TRUE(has(error.message, name)) << error.message << ", not " << name;
  EXPECT_TRUE(has(error.hint, hint)) << error.hint << ", not " << hint;
  EXPECT_TRUE(has(error.hint, "JPEG, PNG, WebP")) << error.hint;
}

TEST(Foreign, PicturesOfOtherKinds) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"MM\0+\0\x08\0\0"sv, "a large TIFF picture"},
      {"\0\0\0\x0cjP  \r\n\x87\n"sv, "a JPEG 2000 picture"},
      {"\xff\x0a\x7f"sv, "a JPEG XL picture"},
      {"\0\0\0\x0cJXL \r\n\x87\n"sv, "a JPEG XL picture"},
      {"8BPS\0\1"sv, "a Photoshop picture"},
      {"\0\0\1\0\1\0"sv, "an icon"},
      {"qoif\0\0"sv, "a QOI picture"}};
  for (const auto& [bytes, name] : cases) expect_named(bytes, name, "save it as JPEG or PNG");
}

// Only in a build without their libraries.
TEST(Foreign, WhatIsLeftOutIsSaid) {
  const auto expect_left_out = [](std::string_view bytes, ImageFormat format) {
    if (is_built_in(format)) return;
    expect_named(bytes, "made without", "save it as JPEG or PNG");
    expect_named(bytes, to_string(format), "");
  };
  expect_left_out(
      "\0\0\0\x18"
      "ftypavif"sv,
      ImageFormat::kAvif);
  expect_left_out(
      "\0\0\0\x18"
      "ftypheic"sv,
      ImageFormat::kHeic);
  expect_left_out("II*\0\x08\0\0\0\x01\0\x11\x01\4\0\1\0\0\0\x1a\0\0\0\0\0\0\0"sv,
                  ImageFormat::kTiff);
}

TEST(Foreign, VideosAndDocuments) {
  for (const auto& [bytes, name] :
       {std::pair{"\x1a\x45\xdf\xa3\x9f"sv, "a WebM or Matroska video"sv},
        {"\0\0\0\x20"
         "ftypisom"sv,
         "an MP4 video"},
        {"\0\0\0\x14"
         "ftypqt  "sv,
         "a QuickTime video"},
        {"RIFF\0\0\0\0AVI LIST"sv, "an AVI video"}})
    expect_named(bytes, name, "ffmpeg");
  expect_named("%PDF-1.7", "a PDF document", "pdftoppm");
  expect_named("PK\3\4aaaa", "a ZIP archive", "take the picture out of it");
}

TEST(Foreign, TextThatStandsForAPicture) {
  expect_named("version https://git-lfs.github.com/spec/v1\noid sha256:1", "a Git LFS pointer",
               "git lfs pull");
  for (const char* page : {"<!DOCTYPE html><html>", "\xef\xbb\xbf\n <HTML lang=en>", "<head>"})
    expect_named(page, "a page of a web site", "often an error");
  for (const char* drawing :
       {"<svg xmlns=", "\xef\xbb\xbf<svg>", "<?xml version=\"1.0\"?>\n<!-- x --><svg>"})
    expect_named(drawing, "an SVG drawing", "browser");
  expect_named("<?xml version=\"1.0\"?><a/>", "an XML document", "");
  expect_named("{\"error\": 1}", "a JSON text", "error");
  expect_named("/9j/4AAQSkZJRg", "encoded twice", "once");
  expect_named("data:image/png;base64,AAAA", "encoded twice", "once");
}

// Entries of the first directory: tag, type, count, value.
std::string tiff(std::initializer_list<std::array<std::uint32_t, 4>> entries,
                 std::string rest = {}) {
  std::string out = "II*" + std::string(1, '\0') + number(8, 4, true) +
                    number(static_cast<std::uint32_t>(entries.size()), 2, true);
  for (const auto& [tag, type, count, value] : entries)
    out += number(tag, 2, true) + number(type, 2, true) + number(count, 4, true) +
           number(value, 4, true);
  return out + number(0, 4, true) + rest;
}

TEST(Foreign, RawFilesOfCameras) {
  expect_named(tiff({{50706, 1, 4, 0x0401}}), "(DNG)", "develop");
  // The small picture first, the sensor's data below it.
  expect_named(tiff({{254, 4, 1, 1}, {271, 2, 6, 64}, {330, 4, 1, 99}},
                    "......NIKON" + std::string(1, '\0')),
               "raw file", "develop");
  EXPECT_EQ(
      raw_kind(test::as_bytes(tiff({{254, 4, 1, 1}, {271, 2, 4, 0x796e6f53}, {330, 4, 1, 9}}))),
      "a Sony raw file");
  expect_named("II*\0\x10\0\0\0CR\2\0"sv, "a Canon raw file (CR2)", "develop");
  expect_named("FUJIFILMCCD-RAW 0201", "a Fujifilm raw file", "develop");
  expect_named(std::string("II*\0", 4) + std::string(100, '\0'), "without a picture", "develop");
  EXPECT_EQ(raw_kind(test::as_bytes(tiff({{273, 4, 1, 8}, {271, 2, 4, 0x796e6f53}}))), "");
}

TEST(Foreign, WhatIsNothingIsRefused) {
  for (const std::string_view bytes :
       {""sv, "\xff"sv, "\xff\xd8"sv, "\x89PNG"sv, "RIFF"sv, "GIF88a"sv, "BM"sv,
        "\0\0\0\0\0\0\0\0\0\0\0\0"sv, "hello"sv}) {
    const Error error = error_of(decode(bytes));
    EXPECT_TRUE(error.code == ErrorCode::kUnsupported || error.code == ErrorCode::kCorrupt)
        << bytes;
  }
  EXPECT_EQ(error_of(decode("")).message, "the picture has no bytes");
  EXPECT_EQ(error_of(decode("hello")).message, "this is not a picture that can be read");
}

}  // namespace
}  // namespace oc
