// What a TIFF file says of its first picture, from its directory alone.
#pragma once

#include <cstdint>
#include <vector>

#include "image/colours.h"
#include "image/image.h"

namespace oc {

// The first picture of a TIFF file (TIFF 6.0), of the kinds that are read.
struct TiffImage {
  enum class Colours { kWhiteIsZero, kBlackIsZero, kRgb, kPalette, kCmyk, kYcbcr };

  int width = 0, height = 0;
  Colours colours = Colours::kBlackIsZero;
  int bits = 1;     // a sample: 1, 2, 4, 8 or 16
  int samples = 1;  // a pixel, as stored; those behind colours and alpha are stepped over
  bool alpha = false;
  bool premultiplied = false;  // by alpha
  bool planes_apart = false;   // all of red, then all of green, …
  int compression = 1;         // as TIFF numbers them
  int tile_width = 0;          // 0: it is stored in strips
  int tile_height = 0;
  std::uint32_t strip_rows = 0;  // as stored; more than there are: all
  int orientation = 1;
  int pages = 1;                      // a file's pictures, thumbnails left out
  Bytes profile;                      // ICC; may be empty
  std::vector<std::uint8_t> palette;  // red, green, blue of each index

  // What a row becomes.
  Samples row_samples() const;
};

// kCorrupt, kUnsupported.
Result<TiffImage> read_tiff(Bytes file);

// What the helper takes to decode it, beside the file and the finished pixels.
std::size_t tiff_decoder_bytes(const TiffImage& picture);

}  // namespace oc
