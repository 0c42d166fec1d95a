// Pictures: decoding from memory, and what is known before decoding.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
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
  // What whoever sent the file should know, as one clause: "it has 3 bit errors"; mostly empty.
  std::string note = {};
};

enum class ImageFormat { kJpeg, kPng, kWebp, kGif, kBmp, kHeic, kAvif, kTiff };
inline constexpr std::array kImageFormats = {
    ImageFormat::kJpeg, ImageFormat::kPng,  ImageFormat::kWebp, ImageFormat::kGif,
    ImageFormat::kBmp,  ImageFormat::kHeic, ImageFormat::kAvif, ImageFormat::kTiff};
std::string_view to_string(ImageFormat format);
// Whether this build reads it: the libraries for HEIC, AVIF and TIFF may be left out.
bool is_built_in(ImageFormat format);

// How stored samples become the colours that are looked at.
struct ImageReading {
  // What shows through where a picture is transparent; nullopt: transparency is dropped, whatever
  // colour lies under it, as Pillow's convert("RGB") and the models' reference code do.
  std::optional<std::array<std::uint8_t, 3>> background = {{255, 255, 255}};
  bool convert_profiles = true;  // colours of an embedded ICC profile, to sRGB

  // "white", "black", "#rrggbb" or "drop"; kInvalidArgument reads on from a key's name.
  static Result<std::optional<std::array<std::uint8_t, 3>>> background_named(std::string_view name);
  // Of the reference code, for parity with it.
  static ImageReading as_reference() { return {std::nullopt, false}; }
};

// From the header alone; sizes as decoded, before EXIF.
struct ImageInfo {
  ImageFormat format = ImageFormat::kPng;
  int width = 0;
  int height = 0;
  int channels =
      3;  // stored: 1 grey, 2 with alpha, 3 colours (or a palette's), 4 with alpha or CMYK
  int denominator = 1;       // of a JPEG that is decoded at a half, a quarter or an eighth
  int exif_orientation = 1;  // 1..8; 1 when absent or invalid
  bool animated = false;     // the first frame is the picture
  int scans = 1;             // of a JPEG: how often the decoder goes over the pixels
  // The most that the decoder takes beside the decoded picture: rows, tables, the coefficients of a
  // JPEG that comes in several scans; of HEIC, AVIF and TIFF also the process that decodes them,
  // and what is shared with it.
  std::size_t working_bytes = 0;
  // What decoding takes of a CPU with some 4 GHz, as measured on the slowest pictures of each
  // format; it decides alike everywhere.
  double decode_ns = 0;  // sides of two thousand million make large numbers
};

// Checked against the header before any pixel is decoded.
struct ImageLimits {
  std::size_t max_bytes = 45u << 20;
  std::int64_t max_pixels = 50'000'000;
  // A baseline JPEG may have so many: it is decoded at the fraction (a half, a quarter, an eighth)
  // that has max_pixels at most. Phones have 50 to 200 megapixels.
  std::int64_t max_reduced_pixels = 220'000'000;
  // What decoding may take in all, the picture included.
  std::size_t max_memory = 512u << 20;
  int max_aspect = 200;  // long side : short side; the sources of the golden set go to 2000:1
  // A JPEG's pixels times its scans: a few bytes may ask for each scan. The largest picture may
  // have 20; cameras and web pages have 10, those in CMYK 18. Small ones may have 200 at most.
  std::int64_t max_scan_pixels = 1'000'000'000;
};

// Recognised by content, never by name. kUnsupported names what the file is, if it is no picture
// that can be read, and what to do; kCorrupt for a broken header; kTooLarge past a limit.
Result<ImageInfo> probe_image(std::span<const std::byte> bytes, const ImageLimits& limits);

// Decoded and turned upright (EXIF applied), as a person sees it: profile and transparency as
// `reading` says; otherwise converted to RGB as Pillow's convert("RGB") does: grey copied, palette
// looked up, 16 bits cut to the high byte, CMYK multiplied out. Text and other data beside the
// pixels are stepped over. A picture of which pixels are missing is kCorrupt; a missing end marker
// alone is forgiven, and a few bit errors within a JPEG are noted. kUnavailable: no memory left.
// kCancelled, kDeadline: interrupted. No library text, path or address in any message. HEIC, AVIF
// and TIFF are decoded in a process of their own: see image_helper.h.
Result<Image> decode_image(std::span<const std::byte> bytes, const ImageLimits& limits,
                           const Interrupt& interrupt = {}, const ImageReading& reading = {});

// RGB PNG; used for `see` and tests.
std::vector<std::byte> encode_png(const Image& image);
// Of high quality, colours not subsampled. No side above kMaxJpegSide: the format has no room.
inline constexpr int kMaxJpegSide = 65500;
std::vector<std::byte> encode_jpeg(const Image& image);

}  // namespace oc
