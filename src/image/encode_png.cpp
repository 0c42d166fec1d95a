#include <png.h>

#include "base/check.h"
#include "image/image.h"

namespace oc {

std::vector<std::byte> encode_png(const Image& image) {
  OC_CHECK(image.width > 0 && image.height > 0 &&
               image.rgb.size() == static_cast<std::size_t>(image.width) *
                                       static_cast<std::size_t>(image.height) * 3,
           "PNG of {}x{} with {} bytes", image.width, image.height, image.rgb.size());
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(image.width);
  header.height = static_cast<png_uint_32>(image.height);
  header.format = PNG_FORMAT_RGB;
  png_alloc_size_t size = 0;
  bool good = png_image_write_get_memory_size(header, size, 0, image.rgb.data(), 0, nullptr) != 0;
  std::vector<std::byte> bytes(size);
  good = good && png_image_write_to_memory(&header, bytes.data(), &size, 0, image.rgb.data(), 0,
                                           nullptr) != 0;
  OC_CHECK(good, "PNG of {}x{}", image.width, image.height);
  bytes.resize(size);
  return bytes;
}

}  // namespace oc
