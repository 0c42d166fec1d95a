// The committed HEIC and AVIF files, and their boxes changed.
#pragma once

#include <fstream>
#include <iterator>

#include "tests/image/fixtures.h"

namespace oc::test {

inline std::string picture_file(const std::string& name) {
  std::ifstream file(OC_SOURCE_DIR "/tests/data/pictures/" + name, std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

// `bytes` put at a place behind the name of the first box of that name.
inline std::string with_box(std::string file, std::string_view box, std::size_t at,
                            std::string_view bytes) {
  const std::size_t found = file.find(box);
  EXPECT_NE(found, std::string::npos) << box;
  return file.replace(found + box.size() + at, bytes.size(), bytes);
}
// The box is one that nobody knows.
inline std::string without_box(const std::string& file, std::string_view box) {
  return with_box(file, box, -box.size(), "free");
}

// The slope that the files show: smooth_image() of that size, or a part of it.
inline Image slope(int width, int height, int left = 0, int top = 0, int whole_width = 64,
                   int whole_height = 64) {
  return make_image(width, height, [&](int x, int y) {
    return Rgb{40 + 150 * (x + left) / whole_width, 60 + 120 * (y + top) / whole_height,
               200 - 90 * (x + left) / whole_width};
  });
}
// As lossy coders keep it.
inline constexpr int kLossy = 12;

inline Image turned(const Image& image, int orientation) {  // EXIF's 1 to 8
  const bool swapped = orientation >= 5;
  const int width = swapped ? image.height : image.width;
  const int height = swapped ? image.width : image.height;
  return make_image(width, height, [&](int x, int y) {
    const int right = image.width - 1, bottom = image.height - 1;
    switch (orientation) {
      case 2:
        return pixel(image, right - x, y);
      case 3:
        return pixel(image, right - x, bottom - y);
      case 4:
        return pixel(image, x, bottom - y);
      case 5:
        return pixel(image, y, x);
      case 6:
        return pixel(image, y, bottom - x);
      case 7:
        return pixel(image, right - y, bottom - x);
      case 8:
        return pixel(image, right - y, x);
      default:
        return pixel(image, x, y);
    }
  });
}

}  // namespace oc::test
