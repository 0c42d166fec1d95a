#include "tests/image/bmp_writer.h"

namespace oc {
namespace {

using namespace std::string_literals;
using test::Bmp;
using test::bmp_of;
using test::decode;
using test::decoded;
using test::difference;
using test::error_of;
using test::pixel;
using test::Rgb;
using test::write_bmp;

constexpr std::string_view kDamaged = "the BMP picture is damaged or cut off";

TEST(DecodeBmp, TwentyFourBits) {
  for (const auto& [width, height] : {std::pair{1, 1}, {3, 2}, {5, 7}, {32, 4}}) {
    const Image image = test::rough_image(width, height);
    for (const std::size_t header : {12, 40, 52, 56, 64, 108, 124}) {
      Bmp bmp = bmp_of(image);
      bmp.header = header;
      EXPECT_EQ(difference(decoded(write_bmp(bmp)), image), 0) << width << ", header " << header;
    }
  }
}

TEST(DecodeBmp, FromTheTopDown) {
  const Image image = test::rough_image(5, 4);
  Bmp bmp = bmp_of(image);
  std::string rows;
  for (std::size_t y = 4; y-- > 0;) rows += bmp.pixels.substr(y * 16, 16);
  bmp.pixels = rows;
  bmp.height = -4;
  EXPECT_EQ(difference(decoded(write_bmp(bmp)), image), 0);
}

std::vector<Rgb> colours(int count) {
  std::vector<Rgb> out;
  for (int i = 0; i < count; ++i) out.push_back({i * 5 % 256, 255 - i, i * 11 % 256});
  return out;
}

TEST(DecodeBmp, Palettes) {
  for (const unsigned bits : {1u, 4u, 8u})
    for (const std::size_t header : {12, 40}) {
      Bmp bmp{.width = 11, .height = 3, .bits = bits, .header = header};
      bmp.palette = colours(1 << bits);
      std::vector<unsigned> indices;
      for (unsigned y = 0; y < 3; ++y) {
        std::string row(bits == 8 ? 12 : bits == 4 ? 8 : 4, '\0');
        for (unsigned x = 0; x < 11; ++x) {
          const unsigned index = (x * 5 + y * 3) % (1u << bits);
          indices.push_back(index);
          const unsigned at = x * bits / 8, shift = 8 - bits - x * bits % 8;
          row[at] = static_cast<char>(static_cast<unsigned char>(row[at]) | index << shift);
        }
        bmp.pixels += row;
      }
      const Image image = decoded(write_bmp(bmp));
      for (int y = 0; y < 3; ++y)
        for (int x = 0; x < 11; ++x)
          EXPECT_EQ(pixel(image, x, 2 - y),
                    bmp.palette[indices[static_cast<std::size_t>(y * 11 + x)]])
              << bits << " bits, " << x << ", " << y;
    }
}

TEST(DecodeBmp, MasksSayWhereTheChannelsAre) {
  const struct {
    unsigned bits, compression;
    std::size_t header;
    std::vector<std::uint32_t> masks;
    std::string pixel;
    Rgb seen;
  } cases[] = {
      {16, 0, 40, {}, "\xff\x7f"s, {255, 255, 255}},
      {16, 0, 40, {}, "\x00\x7c"s, {255, 0, 0}},
      {16, 0, 40, {}, "\x10\x02"s, {0, 131, 131}},
      {16, 3, 40, {0xf800, 0x07e0, 0x001f}, "\xe0\x07"s, {0, 255, 0}},
      {16, 3, 56, {0xf800, 0x07e0, 0x001f, 0}, "\x1f\x04"s, {0, 129, 255}},
      {32, 0, 40, {}, "\x03\x02\x01\x80"s, {1, 2, 3}},
      {32, 3, 40, {0xff, 0xff00, 0xff0000}, "\x01\x02\x03\x80"s, {1, 2, 3}},
      {32, 3, 108, {0xff0000, 0xff00, 0xff, 0xff000000}, "\x03\x02\x01\xff"s, {1, 2, 3}},
      {32, 6, 40, {0xff0000, 0xff00, 0xff, 0xff000000}, "\x03\x02\x01\xff"s, {1, 2, 3}},
      // No pixel has any alpha: it is not meant.
      {32, 3, 108, {0xff0000, 0xff00, 0xff, 0xff000000}, "\x03\x02\x01\0"s, {1, 2, 3}},
  };
  for (const auto& c : cases) {
    Bmp bmp{.bits = c.bits, .compression = c.compression, .header = c.header};
    bmp.masks = c.masks;
    bmp.pixels = c.pixel + std::string(4 - c.pixel.size(), '\0');
    const Image image = decoded(write_bmp(bmp));
    ASSERT_EQ(image.rgb.size(), 3u);
    EXPECT_EQ(pixel(image, 0, 0), c.seen) << c.bits << ", header " << c.header;
  }
}

TEST(DecodeBmp, TransparentPixelsShowTheBackground) {
  for (const unsigned compression : {3u, 6u}) {
    Bmp bmp{.width = 2, .bits = 32, .compression = compression, .header = 108};
    bmp.masks = {0xff0000, 0xff00, 0xff, 0xff000000};
    bmp.pixels = "\x03\x02\x01\0\x03\x02\x01\xff"s;
    const Image image = decoded(write_bmp(bmp));
    EXPECT_EQ(pixel(image, 0, 0), (Rgb{255, 255, 255}));
    EXPECT_EQ(pixel(image, 1, 0), (Rgb{1, 2, 3}));
  }
}

// The header's first 16 bytes alone are one of OS/2.
TEST(DecodeBmp, TheShortHeaderOfOs2) {
  const Image image = test::rough_image(5, 4);
  std::string file = write_bmp(bmp_of(image));
  file.erase(14 + 16, 24);
  file.replace(10, 1, 1, char{14 + 16});
  file.replace(14, 1, 1, char{16});
  EXPECT_EQ(difference(decoded(file), image), 0);
}

TEST(DecodeBmp, KindsThatFewHaveWrittenAreNamed) {
  const struct {
    unsigned bits, compression;
    std::size_t header;
    std::string_view name;
  } cases[] = {{1, 3, 64, "Huffman"},           {24, 4, 64, "RLE24"},
               {0, 4, 40, "a JPEG file in it"}, {0, 5, 40, "a PNG file in it"},
               {2, 0, 40, "2 bits a pixel"},    {32, 11, 40, "CMYK"}};
  for (const auto& c : cases) {
    const Error error = error_of(
        decode(write_bmp({.bits = c.bits, .compression = c.compression, .header = c.header})));
    EXPECT_EQ(error.code, ErrorCode::kUnsupported) << c.name;
    EXPECT_TRUE(test::has(error.message, c.name)) << error.message;
    EXPECT_TRUE(test::has(error.hint, "JPEG or PNG")) << error.hint;
  }
}

TEST(DecodeBmp, RunsOfColours) {
  const std::vector<Rgb> palette = colours(256);
  Bmp eight{.width = 5, .height = 3, .bits = 8, .compression = 1};
  eight.palette = palette;
  // The last row: three 7s and two 9s; then 1 2 3 as they are, a skip of two; then a step up.
  eight.pixels = "\3\7\2\x09\0\0\0\3\1\2\3\0\0\0\0\2\1\0\2\4\0\1"s;
  const Image image = decoded(write_bmp(eight));
  const int expected[3][5] = {{0, 4, 4, 0, 0}, {1, 2, 3, 0, 0}, {7, 7, 7, 9, 9}};
  for (int y = 0; y < 3; ++y)
    for (int x = 0; x < 5; ++x)
      EXPECT_EQ(pixel(image, x, y), palette[static_cast<std::size_t>(expected[y][x])])
          << x << ", " << y;
  Bmp four{.width = 5, .height = 2, .bits = 4, .compression = 2};
  four.palette = colours(16);
  four.pixels = "\5\x12\0\0\0\5\x34\x56\x70\0\0\1"s;
  const Image nibbles = decoded(write_bmp(four));
  const int rows[2][5] = {{3, 4, 5, 6, 7}, {1, 2, 1, 2, 1}};
  for (int y = 0; y < 2; ++y)
    for (int x = 0; x < 5; ++x)
      EXPECT_EQ(pixel(nibbles, x, y), four.palette[static_cast<std::size_t>(rows[y][x])])
          << x << ", " << y;
}

TEST(DecodeBmp, CutOffItIsAnError) {
  Bmp packed{.width = 5, .height = 3, .bits = 8, .compression = 1};
  packed.palette = colours(256);
  packed.pixels = "\5\7\0\0\5\7\0\0\5\7\0\1"s;
  Bmp plain = bmp_of(test::rough_image(5, 4));
  plain.pixels.resize(plain.pixels.size() - 1);  // nothing of the picture: the row is filled up
  for (const Bmp& bmp : {plain, packed}) {
    const std::string file = write_bmp(bmp);
    EXPECT_TRUE(decode(file).ok());
    for (std::size_t size = 18; size < file.size() - (bmp.bits == 8 ? 2 : 0); ++size) {
      const Error error = error_of(decode(file.substr(0, size)));
      EXPECT_EQ(error.code, ErrorCode::kCorrupt) << size;
      EXPECT_EQ(error.message, kDamaged) << size;
    }
  }
}

TEST(DecodeBmp, HeadersThatLieAreErrors) {
  const std::string file = write_bmp(bmp_of(test::rough_image(5, 4)));
  const auto with = [&](std::size_t at, std::string_view bytes) {
    std::string changed = file;
    return changed.replace(at, bytes.size(), bytes);
  };
  for (const std::string& bytes :
       {with(18, "\0\0\0\0"s), with(18, "\xff\xff\xff\xff"s), with(22, "\0\0\0\x80"s),
        with(28, "\3\0"s), with(28, "\x40\0"s), with(30, "\7\0\0\0"s), with(30, "\1\0\0\0"s),
        with(10, "\xff\xff\xff\x7f"s), with(14, "\x0e\0\0\0"s)})
    EXPECT_EQ(error_of(decode(bytes)).message, kDamaged);
  EXPECT_EQ(error_of(decode(with(18, "\xff\xff\xff\x7f"s))).code, ErrorCode::kTooLarge);
}

TEST(DecodeBmp, NoFlippedBitIsDangerous) {
  Bmp packed{.width = 5, .height = 3, .bits = 8, .compression = 1};
  packed.palette = colours(4);
  packed.pixels = "\3\7\2\x09\0\0\0\3\1\2\3\0\0\0\0\2\1\0\2\4\0\1"s;
  for (const Bmp& bmp : {bmp_of(test::rough_image(5, 4)), packed}) {
    const std::string file = write_bmp(bmp);
    for (std::size_t bit = 16; bit < file.size() * 8; ++bit) {
      std::string damaged = file;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
      const auto result = decode(damaged, {.max_pixels = 100'000});
      if (!result.ok()) continue;
      EXPECT_EQ(result->rgb.size(), static_cast<std::size_t>(result->width * result->height * 3));
    }
  }
}

}  // namespace
}  // namespace oc
