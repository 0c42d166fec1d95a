#include "image/image.h"

#include "tests/image/png_writer.h"

namespace oc {
namespace {

using namespace std::string_view_literals;
using test::decode;
using test::encode_webp;
using test::error_of;
using test::has;
using test::make_jpeg;
using test::number;
using test::pixel;
using test::probe;

// Files that only announce a size: nothing of them could be decoded.
std::string announcing_png(int width, int height) {
  return test::kPngSignature +
         test::png_header(static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height));
}
std::string announcing_jpeg(int width, int height) {
  return "\xff\xd8\xff\xc0" + number(17, 2, false) + "\x08" +
         number(static_cast<std::uint32_t>(height), 2, false) +
         number(static_cast<std::uint32_t>(width), 2, false) +
         std::string("\3\1\x11\0\2\x11\0\3\x11\0", 10) +
         std::string("\xff\xda\0\x0c\3\1\0\2\x11\3\x11\0\x3f\0", 14);
}
std::string announcing_webp(int width, int height) {  // a lossless frame of up to 16384 a side
  const auto sizes = static_cast<std::uint32_t>(width - 1) | static_cast<std::uint32_t>(height - 1)
                                                                 << 14;
  return test::riff_file(test::riff_chunk("VP8L", "\x2f" + number(sizes, 4, true) + "\0\0\0"));
}
using Announce = std::string (*)(int, int);
constexpr std::pair<Announce, ImageFormat> kAnnounce[] = {{announcing_png, ImageFormat::kPng},
                                                          {announcing_jpeg, ImageFormat::kJpeg},
                                                          {announcing_webp, ImageFormat::kWebp}};

TEST(ProbeImage, ReadsTheSizeFromTheHeader) {
  for (const auto& [announce, format] : kAnnounce) {
    const auto info = probe(announce(640, 481));
    ASSERT_TRUE(info.ok()) << to_string(format) << ": " << info.error().describe();
    EXPECT_EQ(info->format, format);
    EXPECT_EQ(info->width, 640);
    EXPECT_EQ(info->height, 481);
    EXPECT_EQ(info->exif_orientation, 1);
  }
}

TEST(ProbeImage, AgreesWithTheWholePicture) {
  const Image image = test::smooth_image(40, 24);
  const std::string exif = test::exif_block(6);
  test::Png png = test::png_of(image);
  png.before = test::png_chunk("eXIf", exif);
  for (const std::string& file :
       {test::write_png(png), make_jpeg(image, {.app1 = {test::kExifHead + exif}}),
        test::with_exif(encode_webp(image), image, exif),
        test::with_exif(encode_webp(image, false), image, exif)}) {
    const auto info = probe(file);
    ASSERT_TRUE(info.ok()) << info.error().describe();
    EXPECT_EQ(info->width, 40) << "as stored, before EXIF";
    EXPECT_EQ(info->height, 24);
    EXPECT_EQ(info->exif_orientation, 6);
    const auto decoded = decode(file);
    ASSERT_TRUE(decoded.ok()) << decoded.error().describe();
    EXPECT_EQ(decoded->width, 24);
    EXPECT_EQ(decoded->height, 40);
  }
}

TEST(ProbeImage, FiftyMegapixelsAreTheMost) {
  EXPECT_TRUE(probe(announcing_png(10000, 5000)).ok());
  EXPECT_EQ(probe(announcing_jpeg(10000, 5000))->denominator, 1);
  EXPECT_TRUE(probe(announcing_webp(10000, 5000)).ok());
  for (const auto& [announce, format] : kAnnounce) {
    if (format == ImageFormat::kJpeg) continue;  // which is decoded at a fraction
    const std::string file = announce(10001, 5000);
    for (const Error& error : {error_of(probe(file)), error_of(decode(file))}) {
      EXPECT_EQ(error.code, ErrorCode::kTooLarge) << to_string(format);
      EXPECT_TRUE(has(error.message, "10001x5000 pixels, more than 50 million")) << error.message;
    }
  }
  EXPECT_EQ(error_of(probe(announcing_jpeg(65535, 65535))).code, ErrorCode::kTooLarge);
  EXPECT_EQ(error_of(probe(announcing_webp(16384, 16384))).code, ErrorCode::kTooLarge);
  EXPECT_EQ(error_of(probe(announcing_png(0x7fffffff, 0x7fffffff))).code, ErrorCode::kTooLarge);
}

// Phones have 50, 108 and 200 megapixels.
TEST(ProbeImage, ALargeJpegIsDecodedAtAFraction) {
  const struct {
    int width, height, denominator;
  } cases[] = {
      {8160, 6120, 1}, {8192, 6144, 2}, {12000, 9000, 2}, {16320, 12240, 2}, {14142, 14143, 4}};
  for (const auto& c : cases) {
    const auto info = probe(announcing_jpeg(c.width, c.height));
    ASSERT_TRUE(info.ok()) << info.error().describe();
    EXPECT_EQ(info->denominator, c.denominator) << c.width;
    EXPECT_EQ(info->width, (c.width + c.denominator - 1) / c.denominator);
    EXPECT_EQ(info->height, (c.height + c.denominator - 1) / c.denominator);
  }
  // A few may be decoded in all.
  const std::string file = make_jpeg(test::smooth_image(165, 97), {.halved_chroma = true});
  for (const auto& [pixels, denominator] :
       {std::pair{16'005, 1}, {16'004, 2}, {4'000, 4}, {300, 8}}) {
    const auto image = decode(file, {.max_pixels = pixels});
    ASSERT_TRUE(image.ok()) << image.error().describe();
    EXPECT_EQ(image->width, (165 + denominator - 1) / denominator);
    EXPECT_EQ(image->height, (97 + denominator - 1) / denominator);
    EXPECT_NEAR(pixel(*image, 0, 0)[1], 60, 10);
    EXPECT_NEAR(pixel(*image, image->width - 1, 0)[0], 190, 14);
  }
  EXPECT_EQ(error_of(decode(file, {.max_pixels = 200})).code, ErrorCode::kTooLarge);
  EXPECT_EQ(error_of(decode(file, {.max_pixels = 16'004, .max_reduced_pixels = 16'004})).code,
            ErrorCode::kTooLarge);
  const std::string scans = make_jpeg(test::smooth_image(165, 97), {.progressive = true});
  EXPECT_EQ(error_of(decode(scans, {.max_pixels = 16'004})).code, ErrorCode::kTooLarge);
}

TEST(ProbeImage, TheLongSideIsAtMostTwoHundredTimesTheShortOne) {
  for (const auto& [announce, format] : kAnnounce) {
    for (const auto& [width, height] : {std::pair{16200, 81}, {81, 16200}, {200, 1}, {1, 200}})
      EXPECT_TRUE(probe(announce(width, height)).ok()) << to_string(format) << " " << width;
    for (const auto& [width, height] : {std::pair{16201, 81}, {81, 16201}, {201, 1}, {1, 201}}) {
      const std::string file = announce(width, height);
      for (const Error& error : {error_of(probe(file)), error_of(decode(file))}) {
        EXPECT_EQ(error.code, ErrorCode::kTooLarge) << to_string(format);
        EXPECT_TRUE(has(error.message, "200 times its short side")) << error.message;
      }
    }
  }
}

// A JPEG in several scans keeps all its coefficients.
TEST(ProbeImage, WhatDecodingTakesIsLimited) {
  std::string scans = announcing_jpeg(8000, 6000);
  scans[3] = '\xc2';
  EXPECT_TRUE(probe(scans).ok());
  const Error error = error_of(probe(scans, {.max_memory = 300u << 20}));
  EXPECT_EQ(error.code, ErrorCode::kTooLarge);
  EXPECT_TRUE(has(error.message, "8000x6000 pixels takes")) << error.message;
  EXPECT_TRUE(has(error.message, "MB, more than 300")) << error.message;
}

TEST(ProbeImage, LimitsAreParameters) {
  const std::string file = test::write_png(test::png_of(test::rough_image(20, 10)));
  EXPECT_TRUE(decode(file, {.max_pixels = 200}).ok());
  const Error pixels = error_of(decode(file, {.max_pixels = 199}));
  EXPECT_EQ(pixels.code, ErrorCode::kTooLarge);
  EXPECT_EQ(pixels.message, "the picture has 20x10 pixels, more than 199");
  EXPECT_TRUE(decode(file, {.max_aspect = 2}).ok());
  EXPECT_EQ(error_of(decode(file, {.max_aspect = 1})).code, ErrorCode::kTooLarge);
  EXPECT_TRUE(decode(file, {.max_bytes = file.size()}).ok());
  const Error bytes = error_of(decode(file, {.max_bytes = file.size() - 1}));
  EXPECT_EQ(bytes.code, ErrorCode::kTooLarge);
  EXPECT_TRUE(has(bytes.message, std::to_string(file.size()) + " bytes")) << bytes.message;
}

// Which corner of the stored picture is seen at the top left and at the top right, by the EXIF
// standard: "6: the 0th row is the visual right-hand side, the 0th column is the visual top".
TEST(DecodeImage, EveryOrientationIsTurnedUpright) {
  enum Corner { kTopLeft, kTopRight, kBottomLeft, kBottomRight };
  constexpr struct {
    Corner top_left, top_right;
    bool swaps;
  } kSeen[] = {{kTopLeft, kTopRight, false},       {kTopRight, kTopLeft, false},
               {kBottomRight, kBottomLeft, false}, {kBottomLeft, kBottomRight, false},
               {kTopLeft, kBottomLeft, true},      {kBottomLeft, kTopLeft, true},
               {kBottomRight, kTopRight, true},    {kTopRight, kBottomRight, true}};
  const Image stored = test::rough_image(5, 3);
  const auto corner = [](const Image& image, Corner which) {
    return pixel(image, which == kTopRight || which == kBottomRight ? image.width - 1 : 0,
                 which == kBottomLeft || which == kBottomRight ? image.height - 1 : 0);
  };
  for (std::uint32_t orientation = 1; orientation <= 8; ++orientation) {
    const auto& seen = kSeen[orientation - 1];
    test::Png png = test::png_of(stored);
    png.before = test::png_chunk("eXIf", test::exif_block(orientation));
    const Image image = test::decoded(test::write_png(png));
    ASSERT_EQ(image.width, seen.swaps ? 3 : 5) << orientation;
    ASSERT_EQ(image.height, seen.swaps ? 5 : 3) << orientation;
    EXPECT_EQ(corner(image, kTopLeft), corner(stored, seen.top_left)) << orientation;
    EXPECT_EQ(corner(image, kTopRight), corner(stored, seen.top_right)) << orientation;
    // Nothing but moved: neighbours stay neighbours, in the direction that the corners give.
    const auto at = [&](int x, int y) {
      const int u = seen.swaps ? y : x, v = seen.swaps ? x : y;  // along stored columns and rows
      const Corner first = seen.top_left;
      return pixel(stored, first == kTopRight || first == kBottomRight ? 4 - u : u,
                   first == kBottomLeft || first == kBottomRight ? 2 - v : v);
    };
    for (int y = 0; y < image.height; ++y)
      for (int x = 0; x < image.width; ++x)
        EXPECT_EQ(pixel(image, x, y), at(x, y)) << orientation << ": " << x << ", " << y;
  }
}

TEST(DecodeImage, OrientationHoldsForEveryFormat) {
  const Image image = test::smooth_image(32, 16);  // its red grows to the right, its green down
  for (std::uint32_t orientation = 1; orientation <= 8; ++orientation)
    for (const bool little : {false, true}) {
      const std::string exif = test::exif_block(orientation, little);
      test::Png png = test::png_of(image);
      png.after = test::png_chunk("eXIf", exif);
      const Image expected = test::decoded(test::write_png(png));
      const Image jpeg = test::decoded(make_jpeg(image, {.app1 = {test::kExifHead + exif}}));
      EXPECT_LE(test::difference(jpeg, expected), 3) << orientation;
      const Image webp = test::decoded(test::with_exif(encode_webp(image), image, exif));
      EXPECT_EQ(test::difference(webp, expected), 0) << orientation;
    }
}

TEST(DecodeImage, AnOrientationThatDoesNotExistChangesNothing) {
  const Image image = test::rough_image(5, 3);
  for (const std::uint32_t orientation : {0u, 9u, 300u}) {
    test::Png png = test::png_of(image);
    png.before = test::png_chunk("eXIf", test::exif_block(orientation));
    EXPECT_EQ(test::difference(test::decoded(test::write_png(png)), image), 0);
  }
}

TEST(ImageFormat, HasAName) {
  EXPECT_EQ(to_string(ImageFormat::kJpeg), "JPEG");
  EXPECT_EQ(to_string(ImageFormat::kPng), "PNG");
  EXPECT_EQ(to_string(ImageFormat::kWebp), "WebP");
  EXPECT_EQ(to_string(ImageFormat::kGif), "GIF");
  EXPECT_EQ(to_string(ImageFormat::kBmp), "BMP");
}

}  // namespace
}  // namespace oc
