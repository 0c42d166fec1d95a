// Of a picture that is decoded in a process of its own: what this process reads of it, and what the
// other one would do, here. So nothing limits its memory: only small pictures are decoded.
#pragma once

#include <vector>

#include "image/image.h"
#include "image/isolated/request.h"
#include "tests/fuzz/require.h"

namespace oc::fuzz {

inline constexpr ImageLimits kSmall{
    .max_bytes = 1u << 18, .max_pixels = 1 << 14, .max_memory = 128u << 20};

// Nothing: it is refused before it would be decoded, in our own words.
inline bool is_accepted(const Result<ImageInfo>& info) {
  if (info.ok()) {
    require(info->width >= 1 && info->height >= 1 && info->channels >= 1 && info->channels <= 4);
    require(info->exif_orientation >= 1 && info->exif_orientation <= 8);
    require(info->working_bytes > 0);
    return true;
  }
  const Error& error = info.error();
  require(error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kUnsupported ||
          error.code == ErrorCode::kTooLarge);
  require(!error.message.empty() && error.message.size() < 200);
  for (const char c : error.message) require(c >= ' ' && c <= '~');
  return false;
}

inline void decode_twice(const PixelRequest& request, Bytes bytes) {
  std::vector<std::uint8_t> first(request.pixel_bytes()), second(first.size(), 0xa5);
  const HelperStatus status = decode_pixels(request, bytes, first);
  require(status == HelperStatus::kDone || status == HelperStatus::kDamaged ||
          status == HelperStatus::kUnsupported || status == HelperStatus::kOutOfMemory);
  require(decode_pixels(request, bytes, second) == status);
  // Memory that was never written would show as other pixels.
  require(status != HelperStatus::kDone || first == second);
}

}  // namespace oc::fuzz
