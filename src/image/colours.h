// From a picture's own colours (its ICC profile) to sRGB, which is what the models were trained on
// and what screens show. Private to the layer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "image/bytes.h"

namespace oc {

// What a row has for each pixel, eight bits each. CMYK is inverted, as Adobe stores it.
enum class Samples { kGrey, kGreyAlpha, kRgb, kRgba, kCmyk };
constexpr std::size_t samples_of(Samples samples) {
  switch (samples) {
    case Samples::kGrey:
      return 1;
    case Samples::kGreyAlpha:
      return 2;
    case Samples::kRgb:
      return 3;
    case Samples::kRgba:
    case Samples::kCmyk:
      return 4;
  }
  return 4;
}
constexpr bool has_alpha(Samples samples) {
  return samples == Samples::kGreyAlpha || samples == Samples::kRgba;
}

// A larger profile is not looked at: those of printing presses have 2 MB.
inline constexpr std::size_t kMaxProfileBytes = 4u << 20;
// What the conversion by a profile of so many bytes takes: it twice, and the tables that are
// interpolated in.
constexpr std::size_t conversion_bytes(std::size_t profile_bytes) {
  return profile_bytes == 0 || profile_bytes > kMaxProfileBytes ? 0
                                                                : 2 * profile_bytes + (6u << 20);
}

class ColourConversion {
 public:
  // Null where nothing is to be done: there is no profile, it is sRGB or as good as (no colour of a
  // grid changes by more than 2), it is not one for these samples, or it makes no sense. Browsers
  // show such pictures as they are. Throws std::bad_alloc.
  static std::unique_ptr<ColourConversion> from(Bytes profile, Samples samples);
  virtual ~ColourConversion() = default;

  // A row of so many pixels, in the samples that were named, becomes RGB, or RGBA with the alpha as
  // it was. `to` may be `from` where both have the same size.
  virtual void convert(const std::uint8_t* from, std::uint8_t* to, int width) const = 0;
  // What it takes, as ImageInfo::decode_ns: tables of many colours take longer than curves.
  virtual int ns_per_pixel() const = 0;
};

// The profile in a file that probe_image() accepted; empty: it has none that can be read.
std::vector<std::byte> profile_of_jpeg(Bytes file);
std::vector<std::byte> profile_of_png(Bytes file);
std::vector<std::byte> profile_of_webp(Bytes file);

}  // namespace oc
