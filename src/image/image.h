// Pictures: decoding from memory, and what is known before decoding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/interrupt.h"
#include "base/result.h"

namespace oc {

// 8-bit RGB, row-major, r g b r g b …
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;  // width * height * 3
};

enum class ImageFormat { kJpeg, kPng, kWebp };
std::string_view to_string(ImageFormat format);

// From the header alone; sizes as stored, before EXIF.
struct ImageInfo {
  ImageFormat format = ImageFormat::kPng;
  int width = 0;
  int height = 0;
  int exif_orientation = 1;  // 1..8; 1 when absent or invalid
  int scans = 1;             // of a JPEG: how often the decoder goes over the pixels
  // The most that the decoder takes beside the decoded picture: rows, tables, the coefficients of a
  // JPEG that comes in several scans.
  std::size_t working_bytes = 0;
};

// Checked against the header before any pixel is decoded.
struct ImageLimits {
  std::size_t max_bytes = 20u << 20;
  std::int64_t max_pixels = 50'000'000;
  int max_aspect = 200;  // long side : short side; the sources of the golden set go to 2000:1
  // A JPEG's pixels times its scans: a few bytes may ask for each scan. The largest picture may
  // have 20; cameras and web pages have 10, those in CMYK 18. Small ones may have 200 at most.
  std::int64_t max_scan_pixels = 1'000'000'000;
};

// Recognised by content, never by name. kUnsupported names a format that was recognised but is not
// built in (GIF, HEIC, AVIF, BMP, TIFF, …); kCorrupt for a broken header; kTooLarge past a limit.
Result<ImageInfo> probe_image(std::span<const std::byte> bytes, const ImageLimits& limits);

// Decoded and turned upright (EXIF applied), converted to RGB as Pillow's convert("RGB") does:
// alpha dropped, grey copied, palette looked up, 16 bits cut to the high byte, CMYK multiplied out.
// Text, profiles and other data beside the pixels are stepped over. A picture of which pixels are
// missing is kCorrupt; a missing end marker alone is forgiven. kUnavailable: no memory left.
// kCancelled, kDeadline: interrupted. No library text, path or address in any message.
Result<Image> decode_image(std::span<const std::byte> bytes, const ImageLimits& limits,
                           const Interrupt& interrupt = {});

// RGB PNG; used for `see` and tests.
std::vector<std::byte> encode_png(const Image& image);

}  // namespace oc
