#include <webp/decode.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "image/colours.h"
#include "image/decoders.h"
#include "image/rows.h"

namespace oc {
namespace {

constexpr std::size_t kFileHead = 12;  // "RIFF", the length, "WEBP"

// Calls see(name, data) for each chunk that lies within the bytes, until it says that it is enough.
template <class See>
void for_chunks(Bytes chunks, const See& see) {
  for (std::size_t at = 0;;) {  // name, little-endian length, data, padding to even
    const auto length = read_uint(chunks, at + 4, 4, true);
    if (!length || chunks.size() - at - 8 < *length) return;
    if (see(chunks.subspan(at, 4), chunks.subspan(at + 8, *length))) return;
    at += 8 + std::size_t{*length} + (*length & 1);
  }
}

// The picture, or an animation's first one.
struct WebpFrame {
  Bytes file;    // what libwebp is given
  Bytes chunks;  // of it
  int x = 0, y = 0, width = 0, height = 0;
  bool animated = false;
};
WebpFrame first_frame(Bytes file, const ImageInfo& info) {
  WebpFrame frame{file, file.subspan(kFileHead), 0, 0, info.width, info.height};
  bool animation = false;
  for_chunks(frame.chunks, [&](Bytes name, Bytes data) {
    if (starts_with(name, "VP8X")) animation = (read_uint(data, 0, 1, true).value_or(0) & 2) != 0;
    if (!animation || !starts_with(name, "ANMF")) return false;
    constexpr std::size_t kHead = 16;  // place, size, duration, flags
    if (data.size() < kHead) return true;
    const auto field = [&](std::size_t at) {
      return static_cast<int>(read_uint(data, at, 3, true).value_or(0));
    };
    const Bytes chunks = data.subspan(kHead);
    frame = {chunks, chunks, 2 * field(0), 2 * field(3), field(6) + 1, field(9) + 1, true};
    return true;
  });
  return frame;
}

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

// Into the frame's place within the picture.
Outcome decode_into(const Decoding& task, const WebpFrame& frame, Samples samples,
                    std::vector<std::uint8_t>& whole) {
  const std::size_t step = samples_of(samples);
  const std::size_t stride = static_cast<std::size_t>(task.info.width) * step;
  const std::size_t first =
      static_cast<std::size_t>(frame.y) * stride + static_cast<std::size_t>(frame.x) * step;
  const std::unique_ptr<WebPIDecoder, Deleter> decoder(
      WebPINewRGB(samples == Samples::kRgba ? MODE_RGBA : MODE_RGB, whole.data() + first,
                  whole.size() - first, static_cast<int>(stride)));
  if (decoder == nullptr) return Outcome::kOutOfMemory;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(frame.file.data());
  for (std::size_t have = 0; have < frame.file.size();) {
    if (task.interrupt.stop()) return Outcome::kStopped;
    have = next_end(decoder.get(), have, frame.file.size());
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
  info.width = features.width;
  info.height = features.height;
  info.channels = features.has_alpha != 0 || features.has_animation != 0 ? 4 : 3;
  info.animated = features.has_animation != 0;
  for_chunks(bytes.subspan(kFileHead), [&](Bytes name, Bytes data) {
    if (!starts_with(name, "EXIF")) return false;
    info.exif_orientation = exif_orientation(data);
    return true;
  });
  if (info.animated) {
    const WebpFrame frame = first_frame(bytes, info);
    if (!frame.animated || frame.x + std::int64_t{frame.width} > info.width ||
        frame.y + std::int64_t{frame.height} > info.height)
      return damaged(info.format);
  }
  return info;
}

std::vector<std::byte> profile_of_webp(Bytes bytes) {
  std::vector<std::byte> profile;
  for_chunks(bytes.subspan(kFileHead), [&](Bytes name, Bytes data) {
    if (!starts_with(name, "ICCP")) return false;
    if (data.size() <= kMaxProfileBytes) profile.assign(data.begin(), data.end());
    return true;
  });
  return profile;
}

std::optional<std::size_t> webp_file_bytes(Bytes bytes, const ImageInfo& info) {
  const WebpFrame frame = first_frame(bytes, info);
  ImageInfo size = info;
  size.width = frame.width;
  size.height = frame.height;
  const auto libwebp = webp_working_bytes(frame.chunks, size);
  if (!libwebp) return std::nullopt;
  std::size_t profile_bytes = 0;
  for_chunks(bytes.subspan(kFileHead), [&](Bytes name, Bytes data) {
    if (starts_with(name, "ICCP")) profile_bytes = data.size();
    return profile_bytes > 0;
  });
  std::size_t total = *libwebp + RowWriter::bytes(info) + conversion_bytes(profile_bytes);
  // libwebp needs the whole picture, before it is turned and its colours are made ours.
  if (info.channels == 4 || info.exif_orientation != 1 || profile_bytes > 0)
    total += rgb_bytes(info) / 3 * static_cast<std::size_t>(info.channels);
  return total;
}

Result<Image> decode_webp(const Decoding& task) {
  // What comes in pieces may always have more to come: whether it is all there is asked here.
  const auto length = read_uint(task.bytes, 4, 4, true);
  if (!length || *length > task.bytes.size() - 8) return damaged(task.info.format);
  const WebpFrame frame = first_frame(task.bytes, task.info);
  const bool alpha = task.info.channels == 4 && task.reading.background.has_value();
  const Samples samples = alpha ? Samples::kRgba : Samples::kRgb;
  std::string note;
  const auto conversion = conversion_for(task, profile_of_webp(task.bytes), samples, note);
  RowWriter rows(task.info, samples, task.reading, conversion.get());
  std::vector<std::uint8_t> whole(rgb_bytes(task.info) / 3 * samples_of(samples));
  if (const Outcome outcome = decode_into(task, frame, samples, whole); outcome != Outcome::kDone)
    return failure(outcome, task);
  Image image = rows.from_whole(std::move(whole), task.interrupt);
  image.note = std::move(note);
  return image;
}

}  // namespace oc
