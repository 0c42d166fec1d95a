// The input is a TIFF file: its directory, and its pixels.
#include "image/isolated/tiff_image.h"
#include "tests/fuzz/isolated.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  if (!oc::starts_with(bytes, "II") && !oc::starts_with(bytes, "MM")) return -1;
  const auto info = oc::probe_image(bytes, oc::fuzz::kSmall);
  if (!oc::fuzz::is_accepted(info)) return 0;
  if (info->format != oc::ImageFormat::kTiff) return -1;
  const auto picture = oc::read_tiff(bytes);
  require(picture.ok() && picture->width == info->width && picture->height == info->height);
  require(picture->pages >= 1);
  oc::fuzz::decode_twice({.coder = oc::Coder::kTiff,
                          .samples = picture->row_samples(),
                          .width = info->width,
                          .height = info->height},
                         bytes);
  return 0;
}
