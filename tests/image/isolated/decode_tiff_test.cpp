// TIFF, every sample where it belongs.
#include "tests/image/isolated/tiff_writer.h"

#ifdef OC_TIFF_WRITER
#include <lcms2.h>

#include "image/isolated/request.h"
#include "image/isolated/tiff_image.h"
#include "tests/image/isolated/picture_files.h"

namespace oc {
namespace {

using test::as_reference;
using test::decoded;
using test::difference;
using test::error_of;
using test::has;
using test::Rgb;
using test::Tiff;
using test::tiff_of;
using test::write_tiff;

class DecodeTiff : public testing::Test {
 protected:
  void SetUp() override {
    if (!is_built_in(ImageFormat::kTiff)) GTEST_SKIP() << "not built in";
  }
};

// What it shows, transparency dropped and nothing turned.
Image expected(const Tiff& tiff) {
  return test::make_image(tiff.width, tiff.height, [&](int x, int y) {
    const auto value = [&](int sample) {
      const int stored =
          tiff.values[static_cast<std::size_t>((y * tiff.width + x) * tiff.samples + sample)];
      return tiff.bits == 16 ? stored >> 8 : stored * (255 / ((1 << tiff.bits) - 1));
    };
    switch (tiff.photometric) {
      case PHOTOMETRIC_MINISWHITE:
        return Rgb{255 - value(0), 255 - value(0), 255 - value(0)};
      case PHOTOMETRIC_MINISBLACK:
        return Rgb{value(0), value(0), value(0)};
      case PHOTOMETRIC_PALETTE: {
        const std::size_t index =
            static_cast<std::size_t>(tiff.values[static_cast<std::size_t>(y * tiff.width + x)]);
        const std::size_t third = tiff.palette.size() / 3;
        return Rgb{tiff.palette[index] >> 8, tiff.palette[third + index] >> 8,
                   tiff.palette[2 * third + index] >> 8};
      }
      case PHOTOMETRIC_SEPARATED: {  // as Pillow multiplies them out
        const auto scaled = [](int a, int b) {
          const int product = a * b + 128;
          return ((product >> 8) + product) >> 8;
        };
        const int light = 255 - value(3);
        return Rgb{light - scaled(value(0), light), light - scaled(value(1), light),
                   light - scaled(value(2), light)};
      }
      default:
        return Rgb{value(0), value(1), value(2)};
    }
  });
}

TEST_F(DecodeTiff, EveryLayoutOfSamples) {
  for (const int bits : {8, 16})
    for (const int samples : {1, 3})
      for (const bool big_endian : {false, true})
        for (const bool apart : {false, true})
          for (const auto& [tile, strip_rows] : {std::pair{0, 0}, {0, 5}, {16, 0}, {32, 0}}) {
            Tiff tiff = tiff_of(37, 21, samples, bits);
            tiff.big_endian = big_endian;
            tiff.planes_apart = apart;
            tiff.tile = tile;
            tiff.strip_rows = strip_rows;
            const std::string file = write_tiff(tiff);
            const auto info = test::probe(file);
            ASSERT_TRUE(info.ok()) << info.error().describe();
            EXPECT_EQ(info->format, ImageFormat::kTiff);
            EXPECT_EQ(info->width, 37);
            EXPECT_EQ(info->height, 21);
            EXPECT_EQ(info->channels, samples);
            EXPECT_EQ(difference(decoded(file), expected(tiff)), 0)
                << bits << " bits, " << samples << (big_endian ? " big" : " little")
                << (apart ? " apart " : " ") << tile << " " << strip_rows;
          }
}

TEST_F(DecodeTiff, EveryCompression) {
  for (const int compression :
       {COMPRESSION_LZW, COMPRESSION_PACKBITS, COMPRESSION_DEFLATE, COMPRESSION_ADOBE_DEFLATE})
    for (const int bits : {8, 16})
      for (const int strip_rows : {0, 4}) {
        Tiff tiff = tiff_of(41, 19, 3, bits);
        tiff.compression = compression;
        tiff.strip_rows = strip_rows;
        EXPECT_EQ(difference(decoded(write_tiff(tiff)), expected(tiff)), 0) << compression;
      }
  for (const int compression : {COMPRESSION_NONE, COMPRESSION_CCITTRLE, COMPRESSION_CCITTFAX3,
                                COMPRESSION_CCITTFAX4, COMPRESSION_LZW})
    for (const int photometric : {PHOTOMETRIC_MINISWHITE, PHOTOMETRIC_MINISBLACK}) {
      Tiff tiff = tiff_of(43, 17, 1, 1);
      tiff.photometric = photometric;
      tiff.compression = compression;
      EXPECT_EQ(difference(decoded(write_tiff(tiff)), expected(tiff)), 0) << compression;
    }
}

TEST_F(DecodeTiff, Jpeg) {
  for (const int photometric : {PHOTOMETRIC_RGB, PHOTOMETRIC_YCBCR, PHOTOMETRIC_MINISBLACK}) {
    const Image image = test::smooth_image(48, 40);
    Tiff tiff{
        .width = 48, .height = 40, .photometric = photometric, .compression = COMPRESSION_JPEG};
    if (photometric == PHOTOMETRIC_MINISBLACK) tiff.samples = 1;
    for (std::size_t i = 0; i < image.rgb.size(); i += tiff.samples == 1 ? 3 : 1)
      tiff.values.push_back(image.rgb[i]);
    Tiff shown = tiff;
    if (photometric == PHOTOMETRIC_YCBCR) shown.photometric = PHOTOMETRIC_RGB;
    EXPECT_LE(difference(decoded(write_tiff(tiff)), expected(shown)), 8) << photometric;
  }
}

TEST_F(DecodeTiff, GreysPalettesAndInks) {
  for (const int bits : {1, 2, 4, 8})
    for (const int photometric : {PHOTOMETRIC_MINISWHITE, PHOTOMETRIC_MINISBLACK}) {
      Tiff tiff = tiff_of(23, 11, 1, bits);
      tiff.photometric = photometric;
      EXPECT_EQ(difference(decoded(write_tiff(tiff)), expected(tiff)), 0) << bits;
    }
  for (const int bits : {1, 2, 4, 8}) {
    Tiff tiff = tiff_of(23, 11, 1, bits);
    tiff.photometric = PHOTOMETRIC_PALETTE;
    for (int i = 0; i < 3 << bits; ++i)
      tiff.palette.push_back(static_cast<std::uint16_t>(i * 7919 % 65536));
    EXPECT_EQ(test::probe(write_tiff(tiff))->channels, 3);
    EXPECT_EQ(difference(decoded(write_tiff(tiff)), expected(tiff)), 0) << bits;
  }
  for (const bool apart : {false, true}) {
    Tiff inks = tiff_of(23, 11, 4, 8);
    inks.photometric = PHOTOMETRIC_SEPARATED;
    inks.planes_apart = apart;
    EXPECT_EQ(difference(decoded(write_tiff(inks)), expected(inks)), 0);
  }
}

TEST_F(DecodeTiff, Transparency) {
  for (const int samples : {2, 4})
    for (const bool apart : {false, true}) {
      Tiff tiff = tiff_of(19, 13, samples, 8);
      tiff.planes_apart = apart;
      tiff.extra = {EXTRASAMPLE_UNASSALPHA};
      const std::string file = write_tiff(tiff);
      EXPECT_EQ(test::probe(file)->channels, samples);
      const Image plain = expected(tiff);
      EXPECT_EQ(difference(as_reference(file), plain), 0);
      const Image over = test::make_image(19, 13, [&](int x, int y) {
        const int alpha =
            tiff.values[static_cast<std::size_t>((y * 19 + x) * samples + samples - 1)];
        Rgb out;
        for (std::size_t i = 0; i < 3; ++i)
          out[i] = (test::pixel(plain, x, y)[i] * alpha + 255 * (255 - alpha)) / 255;
        return out;
      });
      EXPECT_LE(difference(decoded(file), over), 1);
    }
  // Multiplied by alpha already.
  Tiff tiff{.width = 3,
            .height = 1,
            .samples = 4,
            .values = {50, 100, 20, 128, 9, 9, 9, 0, 10, 20, 30, 255},
            .extra = {EXTRASAMPLE_ASSOCALPHA}};
  const Image image = as_reference(write_tiff(tiff));
  EXPECT_EQ(test::pixel(image, 0, 0), (Rgb{99, 199, 39}));
  EXPECT_EQ(test::pixel(image, 2, 0), (Rgb{10, 20, 30}));
  // A fifth sample of nobody knows what is no alpha.
  Tiff more = tiff_of(9, 7, 4, 8);
  more.extra = {EXTRASAMPLE_UNSPECIFIED};
  EXPECT_EQ(test::probe(write_tiff(more))->channels, 3);
  EXPECT_EQ(difference(decoded(write_tiff(more)), expected(more)), 0);
}

TEST_F(DecodeTiff, IsTurned) {
  for (int orientation = 1; orientation <= 8; ++orientation) {
    Tiff tiff = tiff_of(29, 17, 3, 8);
    tiff.orientation = orientation;
    EXPECT_EQ(difference(decoded(write_tiff(tiff)), test::turned(expected(tiff), orientation)), 0)
        << orientation;
  }
}

TEST_F(DecodeTiff, TheFirstOfSeveralPagesIsTaken) {
  Tiff tiff = tiff_of(9, 7, 3, 8);
  tiff.pages = 3;
  const Image image = decoded(write_tiff(tiff));
  EXPECT_EQ(difference(image, expected(tiff)), 0);
  EXPECT_EQ(image.note, "the TIFF file has 3 pages: the first is looked at");
}

TEST_F(DecodeTiff, ItsProfileIsConverted) {
  const cmsCIExyY white = {0.3127, 0.3290, 1};  // Adobe's RGB
  const cmsCIExyYTRIPLE primaries = {{0.64, 0.33, 1}, {0.21, 0.71, 1}, {0.15, 0.06, 1}};
  cmsToneCurve* curve = cmsBuildGamma(nullptr, 2.2);
  cmsToneCurve* curves[] = {curve, curve, curve};
  const cmsHPROFILE wide = cmsCreateRGBProfile(&white, &primaries, curves);
  cmsUInt32Number size = 0;
  cmsSaveProfileToMem(wide, nullptr, &size);
  Tiff tiff = tiff_of(16, 16, 3, 8);
  tiff.profile.resize(size);
  cmsSaveProfileToMem(wide, tiff.profile.data(), &size);
  const cmsHPROFILE srgb = cmsCreate_sRGBProfile();
  const cmsHTRANSFORM transform =
      cmsCreateTransform(wide, TYPE_RGB_8, srgb, TYPE_RGB_8, INTENT_PERCEPTUAL, 0);
  const Image stored = expected(tiff);
  Image converted = stored;
  cmsDoTransform(transform, stored.rgb.data(), converted.rgb.data(), 16 * 16);
  const std::string file = write_tiff(tiff);
  EXPECT_LE(difference(decoded(file), converted), 1);
  EXPECT_GT(difference(converted, stored), 10);
  EXPECT_EQ(difference(decoded(file, {.convert_profiles = false}), stored), 0);
  cmsDeleteTransform(transform);
  cmsCloseProfile(srgb);
  cmsCloseProfile(wide);
  cmsFreeToneCurve(curve);
}

// A tag's value in the first directory of a little-endian file, of one number.
std::string with_tag(std::string file, int tag, std::uint32_t value) {
  const auto at = [&](std::size_t place, int bytes) {
    return *read_uint(test::as_bytes(file), place, bytes, true);
  };
  const std::size_t directory = at(4, 4);
  for (std::size_t i = 0; i < at(directory, 2); ++i) {
    const std::size_t entry = directory + 2 + 12 * i;
    if (at(entry, 2) == static_cast<std::uint32_t>(tag))
      return file.replace(entry + 8, 4, test::number(value, 4, true));
  }
  ADD_FAILURE() << "no tag " << tag;
  return file;
}

TEST_F(DecodeTiff, WhatIsNotReadIsNamed) {
  const std::string plain = write_tiff(tiff_of(9, 7, 1, 8));
  for (const auto& [tag, value, words] : {std::tuple{TIFFTAG_COMPRESSION, 6u, "old-style JPEG"},
                                          {TIFFTAG_COMPRESSION, 34925u, "LZMA"},
                                          {TIFFTAG_COMPRESSION, 50000u, "ZSTD"},
                                          {TIFFTAG_COMPRESSION, 12345u, "in way 12345"},
                                          {TIFFTAG_PHOTOMETRIC, 8u, "L*a*b*"},
                                          {TIFFTAG_BITSPERSAMPLE, 12u, "samples of 12 bits"},
                                          {TIFFTAG_BITSPERSAMPLE, 32u, "samples of 32 bits"}}) {
    const Error error = error_of(test::decode(with_tag(plain, tag, value)));
    EXPECT_EQ(error.code, ErrorCode::kUnsupported);
    EXPECT_TRUE(has(error.message, words)) << error.message;
    EXPECT_FALSE(error.hint.empty());
  }
}

TEST_F(DecodeTiff, ALieAboutTheSizeIsFoundOut) {
  const std::string file = write_tiff(tiff_of(9, 7, 1, 8));
  for (const int tag : {TIFFTAG_IMAGEWIDTH, TIFFTAG_IMAGELENGTH}) {
    EXPECT_EQ(error_of(test::decode(with_tag(file, tag, 200))).code, ErrorCode::kCorrupt);
    EXPECT_EQ(error_of(test::decode(with_tag(file, tag, 0))).code, ErrorCode::kCorrupt);
    EXPECT_FALSE(test::decode(with_tag(file, tag, ~0u)).ok());
  }
}

TEST_F(DecodeTiff, CutOffAnywhereIsAnError) {
  for (const int compression : {COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE,
                                COMPRESSION_PACKBITS, COMPRESSION_JPEG, COMPRESSION_CCITTFAX4}) {
    const bool fax = compression == COMPRESSION_CCITTFAX4;
    Tiff tiff = tiff_of(24, 16, fax ? 1 : 3, fax ? 1 : 8);
    if (fax) tiff.photometric = PHOTOMETRIC_MINISWHITE;
    tiff.compression = compression;
    std::string file = write_tiff(tiff);
    // libtiff writes the directory behind the pixels, and some tags' values behind that.
    const std::size_t directory = *read_uint(test::as_bytes(file), 4, 4, true);
    for (std::size_t size = 8; size < file.size(); size += size < directory ? 11 : 1) {
      const auto cut = test::decode(file.substr(0, size));
      // What is missing may be where the next directory would be.
      if (cut.ok())
        EXPECT_EQ(difference(*cut, decoded(file)), 0) << compression << " " << size;
      else
        EXPECT_EQ(cut.error().code, ErrorCode::kCorrupt) << cut.error().message;
      if (size <= directory) EXPECT_FALSE(cut.ok()) << size;
    }
    // Of the pixels the last bytes are missing: more than a checksum.
    for (std::size_t gone = 8; gone < 30; gone += 3) {
      const auto length = static_cast<std::uint32_t>(directory - 8);
      if (length < gone + 4) continue;
      const auto left = length - static_cast<std::uint32_t>(gone);
      const std::string shorter =
          compression == COMPRESSION_NONE
              ? with_tag(file, TIFFTAG_STRIPOFFSETS, static_cast<std::uint32_t>(file.size()) - left)
              : with_tag(file, TIFFTAG_STRIPBYTECOUNTS, left);
      EXPECT_FALSE(test::decode(shorter).ok()) << compression << " " << gone;
    }
  }
}

// In this process, where a wrong access would end it.
TEST_F(DecodeTiff, NoFlippedBitIsDangerous) {
  for (const int compression :
       {COMPRESSION_NONE, COMPRESSION_LZW, COMPRESSION_JPEG, COMPRESSION_PACKBITS}) {
    Tiff tiff = tiff_of(17, 9, 3, 8);
    tiff.compression = compression;
    tiff.tile = compression == COMPRESSION_LZW ? 16 : 0;
    const std::string whole = write_tiff(tiff);
    int refused = 0;
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
      std::string damaged = whole;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
      const auto info = test::probe(damaged, {.max_pixels = 100'000});
      const auto picture = read_tiff(test::as_bytes(damaged));
      if (!info.ok() || info->format != ImageFormat::kTiff || !picture.ok()) {
        ++refused;
        continue;
      }
      const PixelRequest request{.coder = Coder::kTiff,
                                 .samples = picture->row_samples(),
                                 .width = info->width,
                                 .height = info->height};
      std::vector<std::uint8_t> pixels(request.pixel_bytes());
      if (decode_pixels(request, test::as_bytes(damaged), pixels) != HelperStatus::kDone) ++refused;
    }
    EXPECT_GT(refused, 100) << compression;
  }
}

}  // namespace
}  // namespace oc
#endif
