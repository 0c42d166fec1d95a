// TIFF files of all kinds that are read, by libtiff. Where it is not there nothing is written.
#pragma once

#ifdef OC_TIFF_WRITER
#include <tiffio.h>
#endif

#include <unistd.h>

#include <fstream>
#include <iterator>

#include "tests/image/fixtures.h"
#include "tests/scratch_path.h"

namespace oc::test {

#ifdef OC_TIFF_WRITER
struct Tiff {
  int width = 0, height = 0;
  int bits = 8, samples = 3;
  int photometric = PHOTOMETRIC_RGB;
  int compression = COMPRESSION_NONE;
  std::vector<int> values;  // samples of the pixels, row by row, as large as `bits` allows
  bool big_endian = false;
  bool planes_apart = false;
  int tile = 0;        // its side, a multiple of 16; 0: strips
  int strip_rows = 0;  // 0: one strip
  int orientation = 0;
  std::vector<std::uint16_t> extra;    // of samples beyond the colours
  std::vector<std::uint16_t> palette;  // all red, all green, all blue
  std::string profile;
  int pages = 1;  // the same again
};

inline std::string packed(const std::vector<int>& values, int bits) {
  std::string out;
  if (bits == 16) {
    for (const int value : values) out += number(static_cast<std::uint32_t>(value), 2, true);
    return out;
  }
  int filled = 0;
  for (const int value : values) {
    if (filled == 0) out += '\0';
    filled += bits;
    out.back() = static_cast<char>(out.back() | value << (8 - filled));
    filled %= 8;
  }
  return out;
}

// The samples of `count` pixels from x on in row y; of one plane, if it is not negative. What lies
// outside is 0.
inline std::vector<int> row_of(const Tiff& tiff, int x, int y, int count, int plane) {
  std::vector<int> out;
  for (int i = x; i < x + count; ++i)
    for (int s = plane < 0 ? 0 : plane; s < (plane < 0 ? tiff.samples : plane + 1); ++s)
      out.push_back(
          i < tiff.width && y < tiff.height
              ? tiff.values[static_cast<std::size_t>((y * tiff.width + i) * tiff.samples + s)]
              : 0);
  return out;
}

inline void write_page(TIFF* file, const Tiff& tiff) {
  TIFFSetField(file, TIFFTAG_IMAGEWIDTH, tiff.width);
  TIFFSetField(file, TIFFTAG_IMAGELENGTH, tiff.height);
  TIFFSetField(file, TIFFTAG_BITSPERSAMPLE, tiff.bits);
  TIFFSetField(file, TIFFTAG_SAMPLESPERPIXEL, tiff.samples);
  TIFFSetField(file, TIFFTAG_PHOTOMETRIC, tiff.photometric);
  TIFFSetField(file, TIFFTAG_COMPRESSION, tiff.compression);
  TIFFSetField(file, TIFFTAG_PLANARCONFIG,
               tiff.planes_apart ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
  if (tiff.compression == COMPRESSION_JPEG) {
    TIFFSetField(file, TIFFTAG_JPEGQUALITY, 100);
    if (tiff.photometric == PHOTOMETRIC_YCBCR)
      TIFFSetField(file, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  }
  if (tiff.orientation > 0) TIFFSetField(file, TIFFTAG_ORIENTATION, tiff.orientation);
  if (!tiff.extra.empty())
    TIFFSetField(file, TIFFTAG_EXTRASAMPLES, static_cast<int>(tiff.extra.size()),
                 tiff.extra.data());
  if (!tiff.palette.empty()) {
    const std::size_t third = tiff.palette.size() / 3;
    TIFFSetField(file, TIFFTAG_COLORMAP, tiff.palette.data(), tiff.palette.data() + third,
                 tiff.palette.data() + 2 * third);
  }
  if (!tiff.profile.empty())
    TIFFSetField(file, TIFFTAG_ICCPROFILE, static_cast<std::uint32_t>(tiff.profile.size()),
                 tiff.profile.data());
  const int planes = tiff.planes_apart ? tiff.samples : 1;
  const auto plane_of = [&](int n) { return tiff.planes_apart ? n : -1; };
  if (tiff.tile == 0) {
    TIFFSetField(file, TIFFTAG_ROWSPERSTRIP, tiff.strip_rows > 0 ? tiff.strip_rows : tiff.height);
    for (int n = 0; n < planes; ++n)
      for (int y = 0; y < tiff.height; ++y) {
        std::string row = packed(row_of(tiff, 0, y, tiff.width, plane_of(n)), tiff.bits);
        EXPECT_EQ(TIFFWriteScanline(file, row.data(), static_cast<std::uint32_t>(y),
                                    static_cast<std::uint16_t>(n)),
                  1);
      }
    return;
  }
  TIFFSetField(file, TIFFTAG_TILEWIDTH, tiff.tile);
  TIFFSetField(file, TIFFTAG_TILELENGTH, tiff.tile);
  for (int n = 0; n < planes; ++n)
    for (int y = 0; y < tiff.height; y += tiff.tile)
      for (int x = 0; x < tiff.width; x += tiff.tile) {
        std::string bytes;
        for (int row = y; row < y + tiff.tile; ++row)
          bytes += packed(row_of(tiff, x, row, tiff.tile, plane_of(n)), tiff.bits);
        EXPECT_GT(TIFFWriteTile(file, bytes.data(), static_cast<std::uint32_t>(x),
                                static_cast<std::uint32_t>(y), 0, static_cast<std::uint16_t>(n)),
                  0);
      }
}

inline std::string write_tiff(const Tiff& tiff) {
  const std::string path = scratch_path("tiff").string();
  TIFFSetWarningHandler(nullptr);
  TIFF* const file = TIFFOpen(path.c_str(), tiff.big_endian ? "wb" : "wl");
  EXPECT_NE(file, nullptr);
  if (file == nullptr) return {};
  for (int page = 0; page < tiff.pages; ++page) {
    write_page(file, tiff);
    EXPECT_EQ(TIFFWriteDirectory(file), 1);
  }
  TIFFClose(file);
  std::ifstream in(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  ::unlink(path.c_str());
  return bytes;
}

// Values of all sizes, no two rows alike.
inline Tiff tiff_of(int width, int height, int samples, int bits) {
  Tiff tiff{.width = width, .height = height, .bits = bits, .samples = samples};
  for (int i = 0; i < width * height * samples; ++i)
    tiff.values.push_back((i * 7919 + i / 37 * 31) % (1 << bits));
  if (samples < 3) tiff.photometric = PHOTOMETRIC_MINISBLACK;
  return tiff;
}
#endif

}  // namespace oc::test
