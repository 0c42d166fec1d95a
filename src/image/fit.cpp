#include "image/fit.h"

#include <algorithm>
#include <utility>

#include "image/resize.h"

namespace oc {

ImageSize fitted_size(int width, int height, const ImageBox& box) {
  double across = box.width > 0 ? std::min(1.0, static_cast<double>(box.width) / width) : 1.0;
  double down = box.height > 0 ? std::min(1.0, static_cast<double>(box.height) / height) : 1.0;
  if (box.keep_aspect) across = down = std::min(across, down);
  // Cut, not rounded, as the original system does; the bound itself is met in spite of rounding.
  const auto scaled = [](int side, double scale, int max) {
    const int cut = std::max(1, static_cast<int>(side * scale + 1e-6));
    return max > 0 ? std::min(cut, max) : cut;
  };
  return {scaled(width, across, box.width), scaled(height, down, box.height)};
}

Image fit(Image image, const ImageBox& box, const Interrupt& interrupt) {
  const ImageSize size = fitted_size(image.width, image.height, box);
  if (size == ImageSize{image.width, image.height}) return image;
  return resize_lanczos(image, size.width, size.height, interrupt);
}

ImageMemory image_memory(const ImageInfo& info, const ImageBox& box) {
  const auto bytes = [](int width, int height) {
    return static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3;
  };
  const bool on_its_side = info.exif_orientation >= 5;
  const int width = on_its_side ? info.height : info.width,
            height = on_its_side ? info.width : info.height;
  const ImageSize size = fitted_size(width, height, box);
  const std::size_t whole = bytes(width, height);
  ImageMemory memory{whole + info.working_bytes, bytes(size.width, size.height)};
  if (size != ImageSize{width, height})
    memory.peak =
        std::max(memory.peak, whole + resize_bytes(width, height, size.width, size.height));
  return memory;
}

}  // namespace oc
