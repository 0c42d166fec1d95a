// Writes BMP files, byte by byte.
#pragma once

#include "tests/image/fixtures.h"

namespace oc::test {

struct Bmp {
  int width = 1, height = 1;  // a negative height: from the top down
  unsigned bits = 24;
  unsigned compression = 0;
  std::size_t header = 40;
  std::vector<Rgb> palette = {};
  std::vector<std::uint32_t> masks = {};
  std::string pixels = {};  // as they stand in the file
};

inline std::string write_bmp(const Bmp& bmp) {
  const auto n = [](std::size_t value, int bytes) {
    return number(static_cast<std::uint32_t>(value), bytes, true);
  };
  std::string masks, palette;
  for (const std::uint32_t mask : bmp.masks) masks += n(mask, 4);
  for (const Rgb& colour : bmp.palette) {
    for (const int i : {2, 1, 0}) palette += static_cast<char>(colour[static_cast<std::size_t>(i)]);
    if (bmp.header != 12) palette += '\0';
  }
  std::string header = n(bmp.header, 4);
  if (bmp.header == 12) {
    header += n(static_cast<std::size_t>(bmp.width), 2) +
              n(static_cast<std::size_t>(bmp.height), 2) + n(1, 2) + n(bmp.bits, 2);
  } else {
    header += n(static_cast<std::size_t>(bmp.width), 4) +
              n(static_cast<std::size_t>(bmp.height), 4) + n(1, 2) + n(bmp.bits, 2) +
              n(bmp.compression, 4) + std::string(12, '\0') + n(bmp.palette.size(), 4) + n(0, 4);
    header += masks;  // within a longer header, or behind a short one
    if (header.size() < bmp.header) header.resize(bmp.header, '\0');
  }
  const std::size_t at = 14 + header.size() + palette.size();
  return "BM" + n(at + bmp.pixels.size(), 4) + n(0, 4) + n(at, 4) + header + palette + bmp.pixels;
}

// Rows of 24 bits, from the last to the first.
inline Bmp bmp_of(const Image& image) {
  Bmp bmp{.width = image.width, .height = image.height};
  for (int y = image.height - 1; y >= 0; --y) {
    for (int x = 0; x < image.width; ++x)
      for (const int i : {2, 1, 0})
        bmp.pixels += static_cast<char>(pixel(image, x, y)[static_cast<std::size_t>(i)]);
    bmp.pixels.resize((bmp.pixels.size() + 3) / 4 * 4, '\0');
  }
  return bmp;
}

}  // namespace oc::test
