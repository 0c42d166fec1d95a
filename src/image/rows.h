// A picture's rows on their way from a decoder to what a person looks at: its profile's colours
// become sRGB, its transparency shows the background, EXIF's turn is made. Private to the layer.
#pragma once

#include <cstdint>
#include <vector>

#include "image/colours.h"
#include "image/image.h"

namespace oc {

class RowWriter {
 public:
  // `conversion` may be null, and outlives the writer.
  RowWriter(const ImageInfo& info, Samples samples, const ImageReading& reading,
            const ColourConversion* conversion);

  // Where the next stored row belongs: width * samples_of(samples) bytes. The first call may throw
  // std::bad_alloc.
  std::uint8_t* row() {
    if (image_.rgb.empty()) begin();
    return next_;
  }
  // It is there. Rows come from the first to the last, as they are stored.
  void done();
  Image take() { return std::move(image_); }
  // All of them at once, of decoders that need the whole picture in memory. One that is interrupted
  // returns early, with pixels that mean nothing.
  Image from_whole(std::vector<std::uint8_t> whole, const Interrupt& interrupt);

  // What a writer takes, beside the picture.
  static std::size_t bytes(const ImageInfo& info);

 private:
  void to_rgb(const std::uint8_t* from, std::uint8_t* to);
  void turn_strip();
  bool flipped() const { return orientation_ == 3 || orientation_ == 4; }
  void begin();
  void aim();

  const int width_, height_, orientation_;  // as stored
  const Samples samples_;
  const std::array<std::uint8_t, 3> background_;
  const ColourConversion* const conversion_;
  Image image_;
  std::vector<std::uint8_t> stored_;     // one row; empty: they go straight where they belong
  std::vector<std::uint8_t> converted_;  // one row as RGBA
  std::vector<std::uint8_t> strip_;      // some rows of RGB that will be columns
  std::uint8_t* next_ = nullptr;
  int y_ = 0;
};

}  // namespace oc
