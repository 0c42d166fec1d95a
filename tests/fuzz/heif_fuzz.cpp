// The input is a HEIC or AVIF file: its boxes, and its pixels.
#include <array>

#include "image/decoders.h"
#include "image/isolated/heif_image.h"
#include "tests/fuzz/isolated.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  if (!oc::is_heif(bytes)) return -1;
  const auto picture = oc::read_heif(bytes);
  if (picture.ok()) {
    require(picture->width >= 1 && picture->width <= picture->colours.width);
    require(picture->height >= 1 && picture->height <= picture->colours.height);
    require(picture->left >= 0 && picture->left <= picture->colours.width - picture->width);
    require(picture->top >= 0 && picture->top <= picture->colours.height - picture->height);
    if (picture->cicp) profile_of(*picture->cicp);
  }
  const auto info = oc::probe_image(bytes, oc::fuzz::kSmall);
  if (!oc::fuzz::is_accepted(info)) return picture.ok() ? 0 : -1;
  if (info->format != oc::ImageFormat::kHeic && info->format != oc::ImageFormat::kAvif) return -1;
  require(picture.ok() && picture->width == info->width && picture->height == info->height);
  using oc::Samples;
  constexpr std::array kSamples = {Samples::kGrey, Samples::kGreyAlpha, Samples::kRgb,
                                   Samples::kRgba};
  oc::fuzz::decode_twice({.coder = oc::Coder::kHeif,
                          .samples = kSamples[static_cast<std::size_t>(info->channels - 1)],
                          .width = info->width,
                          .height = info->height},
                         bytes);
  return 0;
}
