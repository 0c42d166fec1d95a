#include <webp/decode.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "image/decoders.h"

namespace oc {
namespace {

// libwebp's way to take a file piece by piece: between two pieces it can be left.
struct Deleter {
  void operator()(WebPIDecoder* decoder) const { WebPIDelete(decoder); }
};

// The end of the next piece. Until rows come the decoder may begin anew with each piece, so there
// are few of them; then it goes on from where it was.
std::size_t next_end(WebPIDecoder* decoder, std::size_t have, std::size_t size) {
  constexpr std::size_t kFirst = 4096, kParts = 128;
  int rows = 0;
  const bool has_rows = WebPIDecGetRGB(decoder, &rows, nullptr, nullptr, nullptr) != nullptr;
  const std::size_t step =
      has_rows && rows > 0 ? size / kParts + 1 : std::max<std::size_t>(have, kFirst);
  return std::min(size, have + step);
}

Outcome decode_into(const Decoding& task, Image& image) {
  const int stride = image.width * 3;
  const std::unique_ptr<WebPIDecoder, Deleter> decoder(
      WebPINewRGB(MODE_RGB, image.rgb.data(), image.rgb.size(), stride));
  if (decoder == nullptr) return Outcome::kOutOfMemory;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(task.bytes.data());
  for (std::size_t have = 0; have < task.bytes.size();) {
    if (task.interrupt.stop()) return Outcome::kStopped;
    have = next_end(decoder.get(), have, task.bytes.size());
    errno = 0;
    const VP8StatusCode status = WebPIUpdate(decoder.get(), bytes, have);
    if (status == VP8_STATUS_OK) return Outcome::kDone;
    if (status == VP8_STATUS_SUSPENDED) continue;
    // Deep inside, its transparency for one, libwebp calls everything damaged.
    return status == VP8_STATUS_OUT_OF_MEMORY || errno == ENOMEM ? Outcome::kOutOfMemory
                                                                 : Outcome::kDamaged;
  }
  return Outcome::kDamaged;  // it waits for more
}

}  // namespace

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

Result<Image> decode_webp(const Decoding& task) {
  // What comes in pieces may always have more to come: whether it is all there is asked here.
  const auto length = read_uint(task.bytes, 4, 4, true);
  if (!length || *length > task.bytes.size() - 8) return damaged(task.info.format);
  Image image{task.info.width, task.info.height, {}};
  image.rgb.resize(rgb_bytes(task.info));
  if (const Outcome outcome = decode_into(task, image); outcome != Outcome::kDone)
    return failure(outcome, task);
  return image;
}

}  // namespace oc
