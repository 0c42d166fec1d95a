// Writes PNG files of every colour type, chunk by chunk, with nothing of libpng.
#pragma once

#include <zlib.h>

#include "tests/image/fixtures.h"

namespace oc::test {

inline const std::string kPngSignature("\x89PNG\r\n\x1a\n", 8);

inline std::string png_chunk(std::string_view type, std::string_view data) {
  const std::string body = std::string(type) + std::string(data);
  const auto crc =
      crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return number(static_cast<std::uint32_t>(data.size()), 4, false) + body +
         number(static_cast<std::uint32_t>(crc), 4, false);
}

inline std::string deflated(std::string_view data) {
  uLongf size = compressBound(static_cast<uLong>(data.size()));
  std::string out(size, '\0');
  EXPECT_EQ(
      compress2(reinterpret_cast<Bytef*>(out.data()), &size,
                reinterpret_cast<const Bytef*>(data.data()), static_cast<uLong>(data.size()), 6),
      Z_OK);
  out.resize(size);
  return out;
}

enum PngType { kGrey = 0, kRgb = 2, kPalette = 3, kGreyAlpha = 4, kRgba = 6 };

struct Png {
  int width = 1, height = 1;
  int depth = 8;  // bits a sample
  PngType type = kRgb;
  std::vector<unsigned> samples = {};  // [height, width, channels]
  bool adam7 = false;
  std::string before = {}, after = {};  // chunks in front of the pixels and behind them

  std::size_t channels() const {
    return type == kRgba ? 4 : type == kRgb ? 3 : type == kGreyAlpha ? 2 : 1;
  }
};

inline std::string png_header(std::uint32_t width, std::uint32_t height, int depth = 8,
                              int type = kRgb, int interlace = 0) {
  const char rest[] = {static_cast<char>(depth), static_cast<char>(type), 0, 0,
                       static_cast<char>(interlace)};
  return png_chunk(
      "IHDR", number(width, 4, false) + number(height, 4, false) + std::string(rest, sizeof rest));
}

// Every dx-th pixel of every dy-th row from (x0, y0) on, each row with filter 0 in front.
inline std::string png_rows(const Png& png, int x0, int y0, int dx, int dy) {
  std::string out;
  if (x0 >= png.width) return out;
  for (int y = y0; y < png.height; y += dy) {
    out += '\0';
    unsigned byte = 0;
    int bits = 0;
    for (int x = x0; x < png.width; x += dx)
      for (std::size_t c = 0; c < png.channels(); ++c) {
        const unsigned sample =
            png.samples[static_cast<std::size_t>(y * png.width + x) * png.channels() + c];
        if (png.depth == 16) {
          out += {static_cast<char>(sample >> 8), static_cast<char>(sample)};
          continue;
        }
        byte = byte << png.depth | sample;
        if ((bits += png.depth) < 8) continue;
        out += static_cast<char>(byte);
        byte = 0;
        bits = 0;
      }
    if (bits > 0) out += static_cast<char>(byte << (8 - bits));
  }
  return out;
}

inline std::string png_pixels(const Png& png) {
  if (!png.adam7) return png_rows(png, 0, 0, 1, 1);
  return png_rows(png, 0, 0, 8, 8) + png_rows(png, 4, 0, 8, 8) + png_rows(png, 0, 4, 4, 8) +
         png_rows(png, 2, 0, 4, 4) + png_rows(png, 0, 2, 2, 4) + png_rows(png, 1, 0, 2, 2) +
         png_rows(png, 0, 1, 1, 2);
}

inline std::string write_png(const Png& png) {
  return kPngSignature +
         png_header(static_cast<std::uint32_t>(png.width), static_cast<std::uint32_t>(png.height),
                    png.depth, png.type, png.adam7 ? 1 : 0) +
         png.before + png_chunk("IDAT", deflated(png_pixels(png))) + png.after +
         png_chunk("IEND", "");
}

inline Png png_of(const Image& image) {
  return {.width = image.width,
          .height = image.height,
          .samples = std::vector<unsigned>(image.rgb.begin(), image.rgb.end())};
}

}  // namespace oc::test
