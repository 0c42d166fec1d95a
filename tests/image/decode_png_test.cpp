#include <sys/resource.h>

#include "tests/image/counted_memory.h"
#include "tests/image/png_writer.h"

namespace oc {
namespace {

// `above` over `below`, by alpha of 255, rounded.
test::Rgb over(const test::Rgb& below, const test::Rgb& above, int alpha) {
  test::Rgb out;
  for (std::size_t i = 0; i < 3; ++i)
    out[i] = (above[i] * alpha + below[i] * (255 - alpha) + 127) / 255;
  return out;
}
constexpr test::Rgb kWhite = {255, 255, 255};

// The file with the checksums of its chunks made right.
std::string with_new_sums(const std::string& file) {
  std::string out = test::kPngSignature;
  for (std::size_t at = out.size(); at + 12 <= file.size();) {
    std::uint32_t length = 0;
    for (std::size_t i = 0; i < 4; ++i)
      length = length << 8 | static_cast<unsigned char>(file[at + i]);
    out += test::png_chunk(file.substr(at + 4, 4), file.substr(at + 8, length));
    at += 12 + length;
  }
  return out;
}

using test::decode;
using test::decoded;
using test::difference;
using test::error_of;
using test::pixel;
using test::Png;
using test::png_chunk;
using test::Rgb;
using test::write_png;

TEST(DecodePng, RgbIsExact) {
  for (const auto& [width, height] : {std::pair{1, 1}, {3, 2}, {17, 5}, {1, 40}}) {
    const Image image = test::rough_image(width, height);
    EXPECT_EQ(difference(decoded(write_png(test::png_of(image))), image), 0) << width;
  }
}

TEST(DecodePng, GreyOfEveryDepthIsCopiedToAllChannels) {
  for (const int depth : {1, 2, 4, 8}) {
    const unsigned most = (1u << depth) - 1;
    Png png{.width = 11, .height = 3, .depth = depth, .type = test::kGrey};
    for (unsigned i = 0; i < 33; ++i) png.samples.push_back(i * 7 & most);
    const Image image = decoded(write_png(png));
    ASSERT_EQ(image.rgb.size(), 99u) << depth;
    for (std::size_t i = 0; i < 99; ++i)
      EXPECT_EQ(image.rgb[i], png.samples[i / 3] * 255 / most) << depth << " bits, sample " << i;
  }
}

TEST(DecodePng, SixteenBitsKeepTheHighByte) {
  const std::vector<unsigned> values = {0x0000, 0x00ff, 0x0100, 0x12ff, 0x7f80, 0xfeff, 0xffff};
  for (const test::PngType type : {test::kGrey, test::kGreyAlpha, test::kRgb, test::kRgba}) {
    Png png{.width = 7, .depth = 16, .type = type};
    for (const unsigned value : values) {
      const bool grey = type == test::kGrey || type == test::kGreyAlpha;
      png.samples.push_back(value);
      if (!grey) png.samples.insert(png.samples.end(), {value ^ 0x1000, value ^ 0x2000});
      if (type == test::kGreyAlpha || type == test::kRgba) png.samples.push_back(0x8000);
    }
    const Image image = test::as_reference(write_png(png));
    ASSERT_EQ(image.width, 7);
    for (int x = 0; x < 7; ++x) {
      const int value = static_cast<int>(values[static_cast<std::size_t>(x)] >> 8);
      const bool grey = type == test::kGrey || type == test::kGreyAlpha;
      EXPECT_EQ(pixel(image, x, 0),
                grey ? (Rgb{value, value, value}) : (Rgb{value, value ^ 0x10, value ^ 0x20}))
          << type << " at " << x;
    }
  }
}

TEST(DecodePng, PalettesAreLookedUp) {
  for (const int depth : {1, 2, 4, 8}) {
    const unsigned colours = 1u << depth;
    std::string palette, transparency;
    for (unsigned i = 0; i < colours; ++i) {
      palette += {static_cast<char>(i * 3), static_cast<char>(255 - i), static_cast<char>(i * 7)};
      transparency += static_cast<char>(i % 3 * 127);
    }
    Png png{.width = 13, .height = 4, .depth = depth, .type = test::kPalette};
    png.before = png_chunk("PLTE", palette) + png_chunk("tRNS", transparency);
    for (unsigned i = 0; i < 52; ++i) png.samples.push_back(i * 5 % colours);
    const Image image = test::as_reference(write_png(png)), seen = decoded(write_png(png));
    ASSERT_EQ(image.rgb.size(), 156u) << depth;
    ASSERT_EQ(seen.rgb.size(), 156u) << depth;
    for (int i = 0; i < 52; ++i) {
      const int index = static_cast<int>(png.samples[static_cast<std::size_t>(i)]);
      const Rgb colour = {index * 3 % 256, 255 - index, index * 7 % 256};
      EXPECT_EQ(pixel(image, i % 13, i / 13), colour) << depth << " bits, index " << index;
      EXPECT_EQ(pixel(seen, i % 13, i / 13), over(kWhite, colour, index % 3 * 127)) << index;
    }
  }
}

constexpr ImageReading kOverBlue{.background = {{10, 20, 250}}};

TEST(DecodePng, TransparencyShowsTheBackground) {
  for (const bool adam7 : {false, true})
    for (const int depth : {8, 16}) {
      const unsigned unit = depth == 8 ? 1 : 257;
      Png rgba{.width = 3, .height = 2, .depth = depth, .type = test::kRgba, .adam7 = adam7};
      for (const unsigned value : {10, 20, 30, 255, 40, 50, 60, 128, 70, 80, 90, 0})
        rgba.samples.push_back(value * unit);
      rgba.samples.insert(rgba.samples.end(), rgba.samples.begin(), rgba.samples.begin() + 12);
      const std::string file = write_png(rgba);
      // As the reference does: the colour below is kept, also where it cannot be seen.
      const Image dropped = test::as_reference(file);
      EXPECT_EQ(pixel(dropped, 1, 0), (Rgb{40, 50, 60}));
      EXPECT_EQ(pixel(dropped, 2, 1), (Rgb{70, 80, 90}));
      for (int y = 0; y < 2; ++y) {
        EXPECT_EQ(pixel(decoded(file), 0, y), (Rgb{10, 20, 30}));
        EXPECT_EQ(pixel(decoded(file), 1, y), over(kWhite, {40, 50, 60}, 128));
        EXPECT_EQ(pixel(decoded(file), 2, y), kWhite);
        EXPECT_EQ(pixel(decoded(file, kOverBlue), 1, y), over({10, 20, 250}, {40, 50, 60}, 128));
        EXPECT_EQ(pixel(decoded(file, kOverBlue), 2, y), (Rgb{10, 20, 250}));
      }
    }
  Png grey{.width = 3, .type = test::kGreyAlpha};
  grey.samples = {10, 255, 40, 128, 70, 0};
  EXPECT_EQ(test::as_reference(write_png(grey)).rgb,
            (std::vector<std::uint8_t>{10, 10, 10, 40, 40, 40, 70, 70, 70}));
  EXPECT_EQ(pixel(decoded(write_png(grey)), 1, 0), over(kWhite, {40, 40, 40}, 128));
  EXPECT_EQ(pixel(decoded(write_png(grey), kOverBlue), 2, 0), (Rgb{10, 20, 250}));
}

TEST(DecodePng, ATransparentColour) {
  Png rgb{.width = 2, .samples = {1, 2, 3, 4, 5, 6}};
  rgb.before = png_chunk("tRNS", std::string("\0\1\0\2\0\3", 6));
  EXPECT_EQ(test::as_reference(write_png(rgb)).rgb, (std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(decoded(write_png(rgb)).rgb, (std::vector<std::uint8_t>{255, 255, 255, 4, 5, 6}));
  Png grey{.width = 4, .depth = 2, .type = test::kGrey, .samples = {0, 1, 2, 3}};
  grey.before = png_chunk("tRNS", std::string("\0\1", 2));
  EXPECT_EQ(test::as_reference(write_png(grey)).rgb,
            (std::vector<std::uint8_t>{0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255}));
  EXPECT_EQ(decoded(write_png(grey)).rgb,
            (std::vector<std::uint8_t>{0, 0, 0, 255, 255, 255, 170, 170, 170, 255, 255, 255}));
}

// libpng does not take one that stands in the wrong place: the picture is opaque, and no error.
TEST(DecodePng, TransparencyOfNothing) {
  Png palette{.width = 2, .type = test::kPalette, .samples = {0, 1}};
  palette.before = png_chunk("tRNS", std::string(2, '\0')) + png_chunk("PLTE", "abcdef");
  EXPECT_EQ(decoded(write_png(palette)).rgb,
            (std::vector<std::uint8_t>{97, 98, 99, 100, 101, 102}));
}

// As browsers read them.
TEST(DecodePng, WhatSomeProgramsWriteWrong) {
  const Image image = test::rough_image(90, 70);
  const std::string file = write_png(test::png_of(image));
  EXPECT_EQ(difference(decoded(file.substr(0, file.size() - 12)), image), 0) << "without IEND";
  std::string window = file;  // zlib's head, behind signature, IHDR and the chunk's own head
  const std::size_t head = window.find("IDAT") + 4;
  window[head] = 0x08;  // 256 bytes
  window[head + 1] = 0x1d;
  EXPECT_EQ(difference(decoded(with_new_sums(window)), image), 0) << "a window that is too small";
}

TEST(DecodePng, AnAnimationIsItsDefaultPicture) {
  const Image image = test::rough_image(6, 5);
  Png png = test::png_of(image);
  png.before = png_chunk("acTL", std::string("\0\0\0\2\0\0\0\0", 8));
  const Image first = decoded(write_png(png));
  EXPECT_EQ(difference(first, image), 0);
  EXPECT_EQ(first.note, "the PNG picture is an animation: its first frame is looked at");
}

TEST(DecodePng, ApplesVariantIsNamed) {
  std::string file = write_png(test::png_of(test::rough_image(6, 5)));
  file.insert(8, png_chunk("CgBI", std::string("\x30\0\x20\2", 4)));
  const Error error = error_of(decode(file));
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_TRUE(test::has(error.message, "CgBI")) << error.message;
  EXPECT_TRUE(test::has(error.hint, "export")) << error.hint;
}

TEST(DecodePng, InterlacedPicturesAreTheSame) {
  for (int height = 1; height <= 9; ++height)
    for (int width = 1; width <= 9; ++width) {
      const Image image = test::rough_image(width, height);
      Png png = test::png_of(image);
      png.adam7 = true;
      ASSERT_EQ(difference(decoded(write_png(png)), image), 0) << width << "x" << height;
    }
  for (const int depth : {1, 2, 4, 16}) {
    Png png{.width = 19, .height = 10, .depth = depth, .type = test::kGrey};
    for (unsigned i = 0; i < 190; ++i) png.samples.push_back(i * 41 & ((1u << depth) - 1));
    const Image plain = decoded(write_png(png));
    png.adam7 = true;
    EXPECT_EQ(difference(decoded(write_png(png)), plain), 0) << depth;
  }
}

TEST(DecodePng, GammaAndTextChangeNothing) {
  const Image image = test::rough_image(5, 4);
  Png png = test::png_of(image);
  png.before = png_chunk("gAMA", test::number(220000, 4, false)) + png_chunk("sRGB", "\1") +
               png_chunk("tEXt", std::string("a\0b", 3)) + png_chunk("xyZw", "unknown");
  png.after = png_chunk("tIME", std::string("\x07\xd0\1\1\0\0\0", 7));
  EXPECT_EQ(difference(decoded(write_png(png)), image), 0);
}

// 20 MB of nothing in a text of 20 kB, and a thousand small ones: no picture needs them.
TEST(DecodePng, TextsThatWouldFillMemoryAreSkipped) {
  const Image image = test::rough_image(5, 4);
  Png png = test::png_of(image);
  png.before =
      png_chunk("zTXt", std::string("bomb\0\0", 6) + test::deflated(std::string(20 << 20, 'a')));
  EXPECT_EQ(difference(decoded(write_png(png)), image), 0);
  png.before.clear();
  for (int i = 0; i < 1000; ++i) png.before += png_chunk("tEXt", std::string("a\0b", 3));
  EXPECT_EQ(difference(decoded(write_png(png)), image), 0);
}

// Whatever stands beside the pixels is stepped over: nothing of it is inflated or kept.
TEST(DecodePng, ChunksBesideThePixelsCostNothing) {
  const Image image = test::rough_image(5, 4);
  const std::string packed = test::deflated(std::string(4 << 20, 'a'));
  const auto zeros = [](std::string_view text) { return std::string(text) + std::string(2, '\0'); };
  const std::pair<const char*, std::string> kinds[] = {
      {"zTXt", zeros("word") + packed},
      {"iTXt", std::string("word\0\1\0\0\0", 9) + packed},
      {"iCCP", zeros("profile") + packed},
      {"tEXt", zeros("word") + std::string(1 << 20, 't')},
      {"sPLT", std::string("palette\0\x08", 9) + std::string(6 * 100'000, 'p')},
      {"eXIf", test::exif_block(1) + std::string(1 << 20, 'e')},
      {"fdAT", std::string(1 << 20, 'f')},
      {"prVt", std::string(9 << 20, 'x')},
  };
  for (const auto& [name, data] : kinds)
    for (const bool behind : {false, true}) {
      Png png = test::png_of(image);
      for (int i = 0; i < 20; ++i) (behind ? png.after : png.before) += png_chunk(name, data);
      const std::string file = write_png(png);
      const auto bytes = test::as_bytes(file);
      const test::CountedMemory counted;
      const auto result = decode_image(bytes, {.max_bytes = file.size()});
      ASSERT_TRUE(result.ok()) << name << ": " << result.error().describe();
      if (test::memory_is_counted()) {
        EXPECT_LT(counted.total(), 128u << 10) << name;
      }
      EXPECT_EQ(difference(*result, image), 0) << name;
    }
}

// A megabyte that inflates to a gigabyte nobody asked for. Each 8 KB that are read ask the
// interrupt once.
TEST(DecodePng, WhatStandsBehindTheLastPixelIsNotInflated) {
  for (const bool adam7 : {false, true}) {
    Png png = test::png_of(test::rough_image(9, 5));
    png.adam7 = adam7;
    const std::string raw = test::png_pixels(png), nothing(64 << 10, '\0');
    z_stream stream{};
    ASSERT_EQ(deflateInit(&stream, 6), Z_OK);
    const auto flushed = [&](const std::string& data, int flush) {
      std::string out(data.size() + 1024, '\0');
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
      stream.avail_in = static_cast<uInt>(data.size());
      stream.next_out = reinterpret_cast<Bytef*>(out.data());
      stream.avail_out = static_cast<uInt>(out.size());
      deflate(&stream, flush);
      out.resize(out.size() - stream.avail_out);
      return out;
    };
    std::string packed = flushed(raw, Z_FULL_FLUSH);
    const std::string block = flushed(nothing, Z_FULL_FLUSH);
    deflateEnd(&stream);
    while (packed.size() < 1u << 20) packed += block;
    const std::string file = test::kPngSignature +
                             test::png_header(9, 5, 8, test::kRgb, adam7 ? 1 : 0) +
                             png_chunk("IDAT", packed) + png_chunk("IEND", "");
    int asked = 0;
    const auto result = decode_image(test::as_bytes(file), {}, {.cancelled = [&asked] {
                                       ++asked;
                                       return false;
                                     }});
    ASSERT_TRUE(result.ok()) << result.error().describe();
    EXPECT_EQ(difference(*result, test::rough_image(9, 5)), 0);
    EXPECT_LT(asked, 100) << "128 reads would be all of it";
  }
}

TEST(DecodePng, ExifStandsBeforeThePixelsOrBehindThem) {
  const Image image = test::rough_image(3, 2);
  for (const bool behind : {false, true}) {
    Png png = test::png_of(image);
    (behind ? png.after : png.before) = png_chunk("eXIf", test::exif_block(3));
    const Image turned = decoded(write_png(png));
    ASSERT_EQ(turned.width, 3);
    EXPECT_EQ(pixel(turned, 0, 0), pixel(image, 2, 1)) << behind;
  }
}

// Found by the fuzzer: libpng allocated and cleared what the chunk claimed.
TEST(DecodePng, AChunkThatClaimsMoreThanThereIsCostsNothing) {
  std::string file = write_png(test::png_of(test::rough_image(2, 1)));
  const std::size_t pixels = file.find("IDAT") - 4;
  file.insert(pixels, std::string("\x66\x53\xd1\x34tEXt\0\0\0", 11));
  const auto peak_kib = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const long before = peak_kib();
  EXPECT_EQ(error_of(decode(file)).code, ErrorCode::kCorrupt);
  EXPECT_LT(peak_kib() - before, 64 << 10);
}

TEST(DecodePng, CutOffItIsAnError) {
  Png png = test::png_of(test::rough_image(9, 7));
  const std::string file = write_png(png);
  const std::size_t pixels_end = file.size() - 12;  // IEND
  for (std::size_t size = 8; size < pixels_end; ++size) {
    const Error error = error_of(decode(file.substr(0, size)));
    EXPECT_EQ(error.code, ErrorCode::kCorrupt) << size;
    EXPECT_EQ(error.message, "the PNG picture is damaged or cut off") << size;
  }
  EXPECT_TRUE(decode(file.substr(0, pixels_end)).ok()) << "the end alone may be missing";
  png.adam7 = true;
  const std::string interlaced = write_png(png);
  for (std::size_t size = 8; size < interlaced.size() - 12; ++size)
    EXPECT_FALSE(decode(interlaced.substr(0, size)).ok()) << size;
}

TEST(DecodePng, AFlippedBitIsAnError) {
  const std::string file = write_png(test::png_of(test::rough_image(9, 7)));
  for (std::size_t bit = 0; bit < (file.size() - 12) * 8; ++bit) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode(damaged).ok()) << "bit " << bit;  // every byte is under a CRC
  }
}

TEST(DecodePng, FilesThatContradictThemselvesAreErrors) {
  using test::kPngSignature, test::png_header, test::deflated;
  const std::string end = png_chunk("IEND", "");
  const auto idat = [](std::string_view raw) { return png_chunk("IDAT", deflated(raw)); };
  const std::string row(1 + 9, '\0');  // of a picture 3 pixels wide
  const std::pair<std::string, std::string> cases[] = {
      {"no header", kPngSignature + idat(row) + end},
      {"no pixels", kPngSignature + png_header(3, 2) + end},
      {"one row of two", kPngSignature + png_header(3, 2) + idat(row) + end},
      {"half a row", kPngSignature + png_header(3, 1) + idat(row.substr(0, 5)) + end},
      {"no deflate", kPngSignature + png_header(3, 1) + png_chunk("IDAT", "nonsense") + end},
      {"unknown filter", kPngSignature + png_header(3, 1) + idat("\x09" + row.substr(1)) + end},
      {"no palette", kPngSignature + png_header(3, 1, 8, test::kPalette) + idat(row) + end},
      {"depth 3", kPngSignature + png_header(3, 1, 3) + idat(row) + end},
      {"depth 4 of colours", kPngSignature + png_header(3, 1, 4) + idat(row) + end},
      {"colour type 5", kPngSignature + png_header(3, 1, 8, 5) + idat(row) + end},
      {"interlacing 2", kPngSignature + png_header(3, 1, 8, 2, 2) + idat(row) + end},
      {"no width", kPngSignature + png_header(0, 1) + idat(row) + end},
      {"no height", kPngSignature + png_header(3, 0) + idat(row) + end},
      {"width over 2^31", kPngSignature + png_header(0x80000000u, 1) + idat(row) + end},
      {"unknown critical chunk",
       kPngSignature + png_header(3, 1) + png_chunk("XYZW", "") + idat(row) + end},
      {"endless chunk", kPngSignature + png_header(3, 1) + "\xff\xff\xff\xffIDAT" + row},
      {"two headers: the second counts for nobody",
       kPngSignature + png_header(3, 1) + png_header(900, 900) + idat(row) + end},
  };
  for (const auto& [what, file] : cases) {
    const Error error = error_of(decode(file));
    EXPECT_EQ(error.code, ErrorCode::kCorrupt) << what;
    EXPECT_EQ(error.message, "the PNG picture is damaged or cut off") << what;
  }
}

}  // namespace
}  // namespace oc
