// Making large pictures smaller, and what a picture takes on its way there.
#pragma once

#include <cstddef>

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

// What an operator says of pictures: which are refused, how they are read, how large they may stay.
struct PictureSettings {
  ImageLimits limits;
  ImageReading reading;
  PictureBox box;
};

// What a picture of this size becomes: never larger, no side below 1.
PictureSize fitted_size(int width, int height, const PictureBox& box);

// The picture in that size (Lanczos, as Pillow's); as it came when it fits. One that is interrupted
// returns early, with pixels that mean nothing.
Image fit(Image image, const PictureBox& box, const Interrupt& interrupt = {});

// Bytes of one picture from decode_image() to fit().
struct PictureMemory {
  std::size_t peak = 0;  // at any moment
  std::size_t kept = 0;  // of the result
};
PictureMemory picture_memory(const ImageInfo& info, const PictureBox& box);

}  // namespace oc
