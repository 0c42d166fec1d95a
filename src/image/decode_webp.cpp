#include <webp/decode.h>

#include "image/decoders.h"

namespace oc {

Result<ImageInfo> probe_webp(Bytes bytes) {
  ImageInfo info{.format = ImageFormat::kWebp};
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(),
                      &features) != VP8_STATUS_OK)
    return damaged(info.format);
  if (features.has_animation != 0)
    return Error{ErrorCode::kUnsupported, "the WebP picture is an animation",
                 "send a single frame of it"};
  info.width = features.width;
  info.height = features.height;
  for (std::size_t at = 12;;) {  // RIFF chunks: name, little-endian length, data, padding to even
    const auto length = read_uint(bytes, at + 4, 4, true);
    if (!length || bytes.size() - at - 8 < *length) break;
    if (starts_with(bytes, "EXIF", at)) {
      info.exif_orientation = exif_orientation(bytes.subspan(at + 8, *length));
      break;
    }
    at += 8 + std::size_t{*length} + (*length & 1);
  }
  return info;
}

Result<Image> decode_webp(Bytes bytes, const ImageInfo& info) {
  Image image{info.width, info.height, {}};
  const int stride = info.width * 3;
  image.rgb.resize(static_cast<std::size_t>(stride) * static_cast<std::size_t>(info.height));
  if (WebPDecodeRGBInto(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(),
                        image.rgb.data(), image.rgb.size(), stride) == nullptr)
    return damaged(info.format);
  return image;
}

}  // namespace oc
