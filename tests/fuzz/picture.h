// The way of a picture from bytes to crops, for a fuzzer per format: sizes from the header, pixels,
// EXIF, HD transform. The last byte of the input also says how many crops, and of what size.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

#include "image/bytes.h"
#include "image/image.h"
#include "models/phi3v/hd_transform.h"
#include "models/phi3v/plan.h"
#include "tests/fuzz/require.h"

namespace oc::fuzz {

// A quarter of a megapixel: most runs then take less than a millisecond.
inline constexpr ImageLimits kLimits{.max_bytes = 1u << 20, .max_pixels = 1 << 18};

inline void check_failure(const Error& error) {
  require(error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kUnsupported ||
          error.code == ErrorCode::kTooLarge);
  // Our own words only: nothing of the picture's, nothing of a library's.
  require(!error.message.empty() && error.message.size() < 200);
  require(std::ranges::all_of(error.message, [](char c) { return c >= ' ' && c <= '~'; }));
}

inline void check_crops(const Image& image, const HdParams& params) {
  const auto plan = plan_hd(image.width, image.height, params);
  const auto tiles = hd_transform(image, params);
  require(plan.ok() == tiles.ok());
  Phi3VConfig config;
  config.hd = params;
  const auto prompt = plan_phi3v_image(config, image.width, image.height, {});
  require(plan.ok() == prompt.ok());
  if (!tiles.ok()) {
    require(tiles.error().code == ErrorCode::kInvalidArgument);
    return;
  }
  const int w = tiles->plan.crops_w, h = tiles->plan.crops_h;
  require(w >= 1 && h >= 1 && w * h <= params.num_crops);
  require(w == plan->crops_w && h == plan->crops_h && w * h + 1 == prompt->views);
  require(prompt->description.sizes.at("crops_w") == w);
  require(prompt->description.sizes.at("crops_h") == h);
  const int g = config.merged();
  require(prompt->tokens == (w * h + 1) * g * g + 1 + (h + 1) * g);
  const auto side = static_cast<std::size_t>(params.crop_size);
  require(tiles->pixels.size() == static_cast<std::size_t>(tiles->views()) * 3 * side * side);
  // A normalised byte lies within ±3; bicubic weights sum to 1 and at most double it.
  require(std::ranges::all_of(tiles->pixels, [](float value) { return std::abs(value) < 6; }));
}

// False for what does not begin as a picture of this format: not worth keeping.
inline bool check_picture(Bytes bytes, ImageFormat format) {
  const int orientation = exif_orientation(bytes);
  require(orientation >= 1 && orientation <= 8);

  const auto info = probe_image(bytes, kLimits);
  const auto image = decode_image(bytes, kLimits);
  if (!info.ok()) {
    check_failure(info.error());
    require(!image.ok() && image.error().message == info.error().message);
    return info.error().message.find(to_string(format)) != std::string::npos;
  }
  require(info->width >= 1 && info->height >= 1);
  require(std::int64_t{info->width} * info->height <= kLimits.max_pixels);
  require(info->exif_orientation >= 1 && info->exif_orientation <= 8);
  if (info->format != format) return false;
  if (!image.ok()) {
    check_failure(image.error());
    return true;
  }
  const bool turned = info->exif_orientation >= 5;
  require(image->width == (turned ? info->height : info->width));
  require(image->height == (turned ? info->width : info->height));
  require(image->rgb.size() ==
          static_cast<std::size_t>(image->width) * static_cast<std::size_t>(image->height) * 3);
  // Memory that was never written would show as other pixels.
  require(decode_image(bytes, kLimits)->rgb == image->rgb);

  const auto options = static_cast<unsigned>(bytes.back());
  HdParams params;
  params.num_crops = (options & 1) != 0 ? 4 : 1;
  if ((options & 6) != 6) params.crop_size = 28;  // the full size is a hundred times slower
  check_crops(*image, params);
  return true;
}

}  // namespace oc::fuzz
