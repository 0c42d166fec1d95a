// A JPEG's structure: sizes, EXIF, how many scans, and what libjpeg takes to decode them.
#include <algorithm>
#include <array>
#include <cstring>

#include "image/decoders.h"

namespace oc {
namespace {

constexpr std::size_t kTables = 256u << 10;  // Huffman tables, tables of colours, libjpeg's pools

struct Frame {
  bool progressive = false;
  std::uint32_t components = 0;
  std::array<std::uint32_t, 4> across{}, down{};  // sampling factors, 1..4
};

// A marker that stands alone, without a length behind it.
bool is_alone(std::uint32_t marker) { return marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8); }

// `at`: the frame's marker. What is out of range is left to the decoder, which refuses it.
Frame read_frame(Bytes bytes, std::size_t at) {
  Frame frame;
  const std::uint32_t marker = read_uint(bytes, at + 1, 1, false).value_or(0);
  frame.progressive = marker == 0xc2 || marker == 0xc6 || marker == 0xca || marker == 0xce;
  frame.components = read_uint(bytes, at + 9, 1, false).value_or(0);
  for (std::size_t i = 0; i < frame.across.size(); ++i) {
    const std::uint32_t factors = read_uint(bytes, at + 11 + 3 * i, 1, false).value_or(0x11);
    frame.across[i] = std::clamp(factors >> 4, 1u, 4u);
    frame.down[i] = std::clamp(factors & 15, 1u, 4u);
  }
  return frame;
}

// The scans from the marker at `at` on. Between two of them lie entropy-coded bytes, in which 0xff
// is followed by 0 or by a restart's number.
int count_scans(Bytes bytes, std::size_t at) {
  int scans = 0;
  while (const auto marker = read_uint(bytes, at + 1, 1, false)) {
    if (*marker == 0xd9) break;  // the end
    const auto length = read_uint(bytes, at + 2, 2, false);
    if (*marker == 0xff) {
      ++at;
    } else if (*marker == 0 || is_alone(*marker)) {
      at += 2;
    } else if (!length || bytes.size() - at - 2 < *length) {
      break;
    } else {
      scans += *marker == 0xda ? 1 : 0;
      at += 2 + *length;
    }
    const auto* next = static_cast<const std::byte*>(
        at < bytes.size() ? std::memchr(bytes.data() + at, 0xff, bytes.size() - at) : nullptr);
    if (next == nullptr) break;
    at = static_cast<std::size_t>(next - bytes.data());
  }
  return scans;
}

// Rows for up- and downsampling; and all coefficients, two bytes each, where several scans add to
// them.
std::size_t working_bytes(const ImageInfo& info, const Frame& frame, bool several_scans) {
  constexpr std::size_t kBlock = 8, kBlockBytes = kBlock * kBlock * 2, kRowPadding = 128;
  // Of one row group above and below, the current ones, and those that have been upsampled.
  constexpr std::size_t kRowGroups = 12;
  const std::size_t components = std::min<std::size_t>(frame.components, 4);
  std::size_t widest = 1, highest = 1;
  for (std::size_t i = 0; i < components; ++i) {
    widest = std::max<std::size_t>(widest, frame.across[i]);
    highest = std::max<std::size_t>(highest, frame.down[i]);
  }
  const auto blocks = [](std::size_t side, std::size_t factor, std::size_t most) {
    const std::size_t needed = (side * factor + kBlock * most - 1) / (kBlock * most);
    return (needed + factor - 1) / factor * factor;  // libjpeg keeps whole groups
  };
  const auto width = static_cast<std::size_t>(info.width),
             height = static_cast<std::size_t>(info.height);
  std::size_t total = kTables + width * 4;  // a row of CMYK
  for (std::size_t i = 0; i < components; ++i) {
    const std::size_t across = blocks(width, frame.across[i], widest),
                      down = blocks(height, frame.down[i], highest);
    total += (across * kBlock + kRowPadding) * frame.down[i] * kRowGroups;
    total += (width + widest + kRowPadding) * highest;
    if (several_scans) total += across * down * kBlockBytes;
  }
  return total;
}

}  // namespace

Result<ImageInfo> probe_jpeg(Bytes bytes) {
  ImageInfo info{.format = ImageFormat::kJpeg};
  Frame frame;
  bool exif_seen = false;
  for (std::size_t at = 2;;) {
    const auto fill = read_uint(bytes, at, 1, false), marker = read_uint(bytes, at + 1, 1, false);
    if (!fill || !marker || *fill != 0xff) return damaged(info.format);
    if (*marker == 0xff) {  // padding in front of a marker
      ++at;
      continue;
    }
    if (is_alone(*marker)) {
      at += 2;
      continue;
    }
    const auto length = read_uint(bytes, at + 2, 2, false);
    if (!length || *length < 2 || bytes.size() - at - 2 < *length) return damaged(info.format);
    const bool is_frame =
        *marker >= 0xc0 && *marker <= 0xcf && *marker != 0xc4 && *marker != 0xc8 && *marker != 0xcc;
    if (*marker == 0xe1 && !exif_seen && starts_with(bytes, "Exif", at + 4)) {
      info.exif_orientation = exif_orientation(bytes.subspan(at + 4, *length - 2));
      exif_seen = true;
    } else if (is_frame) {
      const auto height = read_uint(bytes, at + 5, 2, false),
                 width = read_uint(bytes, at + 7, 2, false);
      if (!height || !width) return damaged(info.format);
      info.height = static_cast<int>(*height);
      info.width = static_cast<int>(*width);
      frame = read_frame(bytes, at);
    } else if (*marker == 0xda || *marker == 0xd9) {
      if (info.width == 0) return damaged(info.format);
      const bool several =
          frame.progressive || read_uint(bytes, at + 4, 1, false).value_or(0) < frame.components;
      if (several) info.scans = std::max(1, count_scans(bytes, at));
      info.working_bytes = working_bytes(info, frame, several);
      return info;
    }
    at += 2 + *length;
  }
}

}  // namespace oc
