// Making large pictures smaller.
#pragma once

#include "image/image.h"

namespace oc {

// The most that a picture may measure; 0: any.
struct PictureBox {
  int width = 0;
  int height = 0;
  bool keep_aspect = true;
};

struct PictureSize {
  int width = 0;
  int height = 0;
  bool operator==(const PictureSize&) const = default;
};

// What a picture of this size becomes: never larger, no side below 1.
PictureSize fitted_size(int width, int height, const PictureBox& box);

// The picture in that size (Lanczos, as Pillow's); as it came when it fits.
Image fit(Image image, const PictureBox& box);

}  // namespace oc
