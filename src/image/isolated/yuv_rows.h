// From a video decoder's planes to rows of pixels, eight bits a sample.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "image/colours.h"
#include "image/isolated/heif_image.h"

namespace oc {

// Samples of one kind: a byte each, or two (little-endian) where bits > 8.
struct Plane {
  const std::uint8_t* data = nullptr;
  std::ptrdiff_t stride = 0;  // bytes
  int width = 0, height = 0;
  int bits = 8;
};
struct Planes {
  Plane y, cb, cr;  // cb, cr: empty in a grey picture
  Plane alpha;      // may be empty
  int shift_x = 0, shift_y = 0;
  bool premultiplied = false;  // by alpha
  // Thinned-out colours between those of the neighbours, as libavif and browsers show AVIF; else
  // each for all its pixels, as libheif shows HEIC.
  bool smooth = true;
};

class YuvRows {
 public:
  // Nothing: a way to store colours that is not known (H.273 has some that need another formula).
  static std::optional<YuvRows> make(const Planes& planes, const Cicp& cicp, Samples samples);

  // Pixels [left, left + width) of row y.
  void row(int y, int left, int width, std::uint8_t* to);

 private:
  YuvRows(const Planes& planes, Samples samples) : planes_(planes), samples_(samples) {}
  void load_colours(const Plane& plane, int y, std::vector<float>& to);
  void put_alpha(int y, int left, int width, std::uint8_t* to) const;

  Planes planes_;
  Samples samples_;
  // red = y + a·cr, green = y + b·cb + c·cr, blue = y + d·cb, and what is left of YCgCo.
  std::array<std::array<float, 3>, 3> matrix_{};  // [channel][y, cb, cr], after scaling to 0..255
  std::array<float, 3> offset_{};                 // of y, cb, cr as they are stored
  std::vector<float> cb_, cr_;                    // one row, full width
  std::vector<float> blended_;
};

}  // namespace oc
