#include "image/upright.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace oc {
namespace {

// Fills `out` from `first` on: its columns lie `across` bytes apart in the source, its rows `down`.
// By squares: a column of the source lies all over memory.
void rearrange(const std::uint8_t* first, std::ptrdiff_t across, std::ptrdiff_t down, Image& out,
               const Interrupt& interrupt) {
  constexpr int kSide = 32;
  for (int top = 0; top < out.height; top += kSide) {
    if (interrupt.stop()) return;
    for (int left = 0; left < out.width; left += kSide)
      for (int y = top; y < std::min(top + kSide, out.height); ++y) {
        std::uint8_t* to =
            out.rgb.data() + (static_cast<std::size_t>(y) * static_cast<std::size_t>(out.width) +
                              static_cast<std::size_t>(left)) *
                                 3;
        const std::uint8_t* from = first + y * down + left * across;
        for (int x = left; x < std::min(left + kSide, out.width); ++x, to += 3, from += across)
          std::copy_n(from, 3, to);
      }
  }
}

}  // namespace

Image upright(Image image, int orientation, const Interrupt& interrupt) {
  if (orientation == 1) return image;
  const bool swap = orientation >= 5;
  const bool mirrored =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool flipped = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const std::ptrdiff_t stride = std::ptrdiff_t{image.width} * 3;
  const std::ptrdiff_t x_step = mirrored ? -3 : 3, y_step = flipped ? -stride : stride;
  const std::uint8_t* first =
      image.rgb.data() + (mirrored ? stride - 3 : 0) + (flipped ? (image.height - 1) * stride : 0);
  Image out{swap ? image.height : image.width, swap ? image.width : image.height,
            std::vector<std::uint8_t>(image.rgb.size())};
  rearrange(first, swap ? y_step : x_step, swap ? x_step : y_step, out, interrupt);
  return out;
}

}  // namespace oc
