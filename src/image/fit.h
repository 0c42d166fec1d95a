// Making large pictures smaller, and what a picture takes on its way there.
#pragma once

#include <cstddef>

#include "image/image.h"

namespace oc {

// The most that a picture may measure; 0: any.
struct ImageBox {
  int width = 0;
  int height = 0;
  bool keep_aspect = true;
};

struct ImageSize {
  int width = 0;
  int height = 0;
  bool operator==(const ImageSize&) const = default;
};

// What an operator says of pictures: which are refused, how they are read, how large they may stay.
struct ImageSettings {
  ImageLimits limits;
  ImageReading reading;
  ImageBox box;
};

// What a picture of this size becomes: never larger, no side below 1.
ImageSize fitted_size(int width, int height, const ImageBox& box);

// The picture in that size (Lanczos, as Pillow's); as it came when it fits. One that is interrupted
// returns early, with pixels that mean nothing.
Image fit(Image image, const ImageBox& box, const Interrupt& interrupt = {});

// Bytes of one picture from decode_image() to fit().
struct ImageMemory {
  std::size_t peak = 0;  // at any moment
  std::size_t kept = 0;  // of the result
};
ImageMemory image_memory(const ImageInfo& info, const ImageBox& box);

}  // namespace oc
