// A JPEG's structure: sizes, EXIF, how many scans, and what libjpeg takes to decode them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "image/colours.h"
#include "image/decoders.h"
#include "image/rows.h"

namespace oc {
namespace {

constexpr std::string_view kProfileName("ICC_PROFILE\0", 12);
constexpr std::size_t kTables = 256u << 10;  // Huffman tables, tables of colours, libjpeg's pools

struct JpegFrame {
  bool progressive = false;
  bool arithmetic = false;  // coded so
  std::uint32_t components = 0;
  std::array<std::uint32_t, 4> across{}, down{};  // sampling factors, 1..4
};

// A marker that stands alone, without a length behind it.
bool is_alone(std::uint32_t marker) { return marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8); }

// What is out of range is left to the decoder, which refuses it.
JpegFrame read_frame(std::uint32_t marker, Bytes data) {
  JpegFrame frame;
  frame.progressive = marker == 0xc2 || marker == 0xc6 || marker == 0xca || marker == 0xce;
  frame.arithmetic = marker > 0xc8;
  frame.components = read_uint(data, 5, 1, false).value_or(0);
  for (std::size_t i = 0; i < frame.across.size(); ++i) {
    const std::uint32_t factors = read_uint(data, 7 + 3 * i, 1, false).value_or(0x11);
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
std::size_t working_bytes(const ImageInfo& info, const JpegFrame& frame, bool several_scans) {
  constexpr std::size_t kBlock = 8, kBlockBytes = kBlock * kBlock * 2, kRowPadding = 128;
  // Of one row group above and below, the current ones, and those that have been upsampled.
  constexpr std::size_t kRowGroups = 12;
  const std::size_t components = std::min<std::size_t>(frame.components, 4);
  std::size_t widest = 1, highest = 1;
  for (std::size_t i = 0; i < components; ++i) {
    widest = std::max<std::size_t>(widest, frame.across[i]);
    highest = std::max<std::size_t>(highest, frame.down[i]);
  }
  const auto blocks = [](std::size_t side, std::size_t factor, std::size_t max_factor) {
    const std::size_t needed = (side * factor + kBlock * max_factor - 1) / (kBlock * max_factor);
    return (needed + factor - 1) / factor * factor;  // libjpeg keeps whole groups
  };
  const auto width = static_cast<std::size_t>(info.width),
             height = static_cast<std::size_t>(info.height);
  std::size_t total = kTables + RowWriter::bytes(info);
  for (std::size_t i = 0; i < components; ++i) {
    const std::size_t across = blocks(width, frame.across[i], widest),
                      down = blocks(height, frame.down[i], highest);
    total += (across * kBlock + kRowPadding) * frame.down[i] * kRowGroups;
    total += (width + widest + kRowPadding) * highest;
    if (several_scans) total += across * down * kBlockBytes;
  }
  return total;
}

// The next marker's code, with `at` behind it. Bytes in between that belong to no segment are read
// over, as libjpeg does: webcams and Photoshop leave some.
std::optional<std::uint32_t> next_marker(Bytes bytes, std::size_t& at) {
  while (at < bytes.size()) {
    const void* found = std::memchr(bytes.data() + at, 0xff, bytes.size() - at);
    if (found == nullptr) break;
    at = static_cast<std::size_t>(static_cast<const std::byte*>(found) - bytes.data());
    while (at < bytes.size() && bytes[at] == std::byte{0xff}) ++at;
    if (at == bytes.size()) break;
    const auto marker = static_cast<std::uint32_t>(bytes[at++]);
    if (marker != 0) return marker;
  }
  return std::nullopt;
}

// One that has a length behind it; `at` is behind the marker.
struct JpegSegment {
  std::uint32_t marker = 0;
  std::size_t at = 0;  // of the marker's 0xff, if it stands in front of the length
  Bytes data;
};
std::optional<JpegSegment> next_segment(Bytes bytes, std::size_t& at) {
  for (;;) {
    const auto marker = next_marker(bytes, at);
    if (!marker) return std::nullopt;
    if (*marker == 0xd9) return JpegSegment{*marker, at - 2, {}};
    if (is_alone(*marker)) continue;
    const auto length = read_uint(bytes, at, 2, false);
    if (!length || *length < 2 || bytes.size() - at < *length) return std::nullopt;
    const JpegSegment segment{*marker, at - 2, bytes.subspan(at + 2, *length - 2)};
    at += *length;
    return segment;
  }
}

bool is_frame(std::uint32_t marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

// Kinds that libjpeg does not decode, by name.
Result<void> check_kind(const JpegSegment& frame) {
  const bool lossless = (frame.marker & 3) == 3;
  const std::uint32_t bits = read_uint(frame.data, 0, 1, false).value_or(8);
  if (!lossless && bits == 8) return {};
  if (!lossless && bits != 12) return damaged(ImageFormat::kJpeg);
  return Error{ErrorCode::kUnsupported,
               lossless ? "the picture is a lossless JPEG, which is not supported"
                        : "the JPEG picture has 12 bits a sample, which is not supported",
               "save it as an ordinary JPEG or PNG"};
}

// What it is divided by so that no more pixels than may be are decoded; 1 where that is not needed,
// or not possible.
int denominator_of(const ImageInfo& info, const ImageLimits& limits) {
  const auto pixels = [&](int denominator) {
    const auto part = [&](int side) {
      return (std::int64_t{side} + denominator - 1) / denominator;
    };
    return part(info.width) * part(info.height);
  };
  if (pixels(1) > limits.max_reduced_pixels) return 1;
  for (const int denominator : {1, 2, 4, 8})
    if (pixels(denominator) <= limits.max_pixels) return denominator;
  return 1;
}

// Measured, as ImageInfo::decode_ns says. Of a file that ends early some scans may be missing.
double decode_ns(const JpegFrame& frame, double pixels, int scans, Bytes bytes) {
  constexpr double kHuffman = 4, kHuffmanScan = 1, kArithmetic = 12, kArithmeticByte = 140;
  if (!frame.arithmetic) return pixels * (kHuffman + kHuffmanScan * scans);
  return pixels * scans * kArithmetic + static_cast<double>(bytes.size()) * kArithmeticByte;
}

}  // namespace

Result<ImageInfo> probe_jpeg(Bytes bytes, const ImageLimits& limits) {
  ImageInfo info{.format = ImageFormat::kJpeg};
  JpegFrame frame;
  bool exif_seen = false;
  std::size_t profile_bytes = 0;
  for (std::size_t at = 2;;) {
    const auto segment = next_segment(bytes, at);
    if (!segment) return damaged(info.format);
    if (segment->marker == 0xe2 && starts_with(segment->data, kProfileName))
      profile_bytes += segment->data.size();
    if (segment->marker == 0xe1 && !exif_seen && starts_with(segment->data, "Exif")) {
      info.exif_orientation = exif_orientation(segment->data);
      exif_seen = true;
    } else if (is_frame(segment->marker)) {
      const auto height = read_uint(segment->data, 1, 2, false),
                 width = read_uint(segment->data, 3, 2, false);
      if (!height || !width) return damaged(info.format);
      OC_RETURN_IF_ERROR(check_kind(*segment));
      info.height = static_cast<int>(*height);
      info.width = static_cast<int>(*width);
      frame = read_frame(segment->marker, segment->data);
      info.channels = static_cast<int>(frame.components);
    } else if (segment->marker == 0xda || segment->marker == 0xd9) {
      if (info.width == 0) return damaged(info.format);
      const bool several =
          frame.progressive || read_uint(segment->data, 0, 1, false).value_or(0) < frame.components;
      if (several)
        info.scans = std::max(1, count_scans(bytes, segment->at));
      else
        info.denominator = denominator_of(info, limits);
      info.working_bytes = working_bytes(info, frame, several) + conversion_bytes(profile_bytes);
      info.decode_ns =
          decode_ns(frame, static_cast<double>(info.width) * info.height, info.scans, bytes);
      constexpr double kMaxArithmeticNs = 2e9;
      if (frame.arithmetic && info.decode_ns > kMaxArithmeticNs)
        return Error{
            ErrorCode::kTooLarge,
            fmt::format("the JPEG picture of {}x{} pixels is arithmetic-coded, which takes "
                        "too long to decode for so many",
                        info.width, info.height),
            "save it again as an ordinary JPEG, or send a smaller one"};
      info.width = (info.width + info.denominator - 1) / info.denominator;
      info.height = (info.height + info.denominator - 1) / info.denominator;
      return info;
    }
  }
}

// Cut into segments of 64 KB, each with its number and how many there are. (ICC.1 annex B.4)
std::vector<std::byte> profile_of_jpeg(Bytes bytes) {
  constexpr std::size_t kHead = kProfileName.size() + 2;
  std::vector<Bytes> parts;
  std::size_t total = 0;
  for (std::size_t at = 2;;) {
    const auto segment = next_segment(bytes, at);
    if (!segment || segment->marker == 0xda || segment->marker == 0xd9) break;
    if (segment->marker != 0xe2 || segment->data.size() < kHead ||
        !starts_with(segment->data, kProfileName))
      continue;
    const auto number = static_cast<std::size_t>(segment->data[kProfileName.size()]),
               count = static_cast<std::size_t>(segment->data[kProfileName.size() + 1]);
    parts.resize(std::max(parts.size(), count));
    if (number == 0 || number > count || count != parts.size() || !parts[number - 1].empty())
      return {};
    parts[number - 1] = segment->data.subspan(kHead);
    total += parts[number - 1].size();
  }
  std::vector<std::byte> profile;
  if (total > kMaxProfileBytes) return {};
  for (const Bytes part : parts) {
    if (part.empty()) return {};
    profile.insert(profile.end(), part.begin(), part.end());
  }
  return profile;
}

}  // namespace oc
