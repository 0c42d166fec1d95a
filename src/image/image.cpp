#include "image/image.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "image/decoders.h"

namespace oc {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kAccepted = "send it as JPEG, PNG or WebP";

// Formats that are recognised in order to say what they are.
struct Foreign {
  std::string_view name, magic;
  std::size_t at = 0;
};
constexpr std::array kForeign = {
    Foreign{"GIF", "GIF8"sv},
    Foreign{"BMP", "BM"sv},
    Foreign{"TIFF", "II*\0"sv},
    Foreign{"TIFF", "MM\0*"sv},
    Foreign{"AVIF", "ftypavif"sv, 4},
    Foreign{"AVIF", "ftypavis"sv, 4},
    Foreign{"HEIC", "ftypheic"sv, 4},
    Foreign{"HEIC", "ftypheix"sv, 4},
    Foreign{"HEIC", "ftyphevc"sv, 4},
    Foreign{"HEIC", "ftypmif1"sv, 4},
    Foreign{"HEIC", "ftypmsf1"sv, 4},
    Foreign{"JPEG 2000", "\0\0\0\x0cjP  "sv},
    Foreign{"JPEG 2000", "\xff\x4f\xff\x51"sv},
    Foreign{"JPEG XL", "\xff\x0a"sv},
    Foreign{"JPEG XL", "\0\0\0\x0cJXL "sv},
    Foreign{"SVG", "<svg"sv},
    Foreign{"XML or SVG", "<?xml"sv},
    Foreign{"PDF", "%PDF"sv},
    Foreign{"PSD", "8BPS"sv},
    Foreign{"ICO", "\0\0\1\0"sv},
};

std::optional<ImageFormat> sniff(Bytes bytes) {
  if (starts_with(bytes, "\xff\xd8\xff"sv)) return ImageFormat::kJpeg;
  if (starts_with(bytes, "\x89PNG\r\n\x1a\n"sv)) return ImageFormat::kPng;
  if (starts_with(bytes, "RIFF"sv) && starts_with(bytes, "WEBP"sv, 8)) return ImageFormat::kWebp;
  return std::nullopt;
}

Error not_a_picture(Bytes bytes) {
  for (const Foreign& foreign : kForeign)
    if (starts_with(bytes, foreign.magic, foreign.at))
      return {ErrorCode::kUnsupported, fmt::format("{} pictures are not supported", foreign.name),
              std::string(kAccepted)};
  return {ErrorCode::kUnsupported,
          bytes.empty() ? "the picture has no bytes" : "this is not a picture that can be read",
          std::string(kAccepted)};
}

Result<void> check_limits(const ImageInfo& info, const ImageLimits& limits) {
  if (info.width < 1 || info.height < 1) return damaged(info.format);
  const auto pixels = std::int64_t{info.width} * info.height;
  if (pixels > limits.max_pixels) {
    const bool millions = limits.max_pixels % 1'000'000 == 0;
    return Error{
        ErrorCode::kTooLarge,
        fmt::format("the picture has {}x{} pixels, more than {}{}", info.width, info.height,
                    limits.max_pixels / (millions ? 1'000'000 : 1), millions ? " million" : ""),
        "send a smaller one"};
  }
  const int longer = std::max(info.width, info.height), shorter = std::min(info.width, info.height);
  if (longer > std::int64_t{limits.max_aspect} * shorter)
    return Error{ErrorCode::kTooLarge,
                 fmt::format("the picture of {}x{} pixels is longer than {} times its short side",
                             info.width, info.height, limits.max_aspect),
                 "cut it into pieces"};
  return {};
}

// The picture as it should be looked at. EXIF: 2 mirrored, 3 upside down, 4 flipped, 5 transposed,
// 6 turned right, 7 transversed, 8 turned left.
Image upright(Image image, int orientation) {
  if (orientation == 1) return image;
  const bool swap = orientation >= 5;
  const int w = image.width, h = image.height;
  Image out{swap ? h : w, swap ? w : h, std::vector<std::uint8_t>(image.rgb.size())};
  std::uint8_t* to = out.rgb.data();
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x, to += 3) {
      int sx = swap ? y : x, sy = swap ? x : y;
      if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8)
        sx = w - 1 - sx;
      if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7)
        sy = h - 1 - sy;
      std::copy_n(image.rgb.data() + (static_cast<std::size_t>(sy) * static_cast<std::size_t>(w) +
                                      static_cast<std::size_t>(sx)) *
                                         3,
                  3, to);
    }
  return out;
}

}  // namespace

std::string_view to_string(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return "JPEG";
    case ImageFormat::kPng:
      return "PNG";
    case ImageFormat::kWebp:
      return "WebP";
  }
  return "?";
}

Error damaged(ImageFormat format) {
  return {ErrorCode::kCorrupt,
          fmt::format("the {} picture is damaged or cut off", to_string(format)),
          "check the file, or save it again"};
}

Result<ImageInfo> probe_image(Bytes bytes, const ImageLimits& limits) {
  if (bytes.size() > limits.max_bytes)
    return Error{
        ErrorCode::kTooLarge,
        fmt::format("the picture has {} bytes, more than {}", bytes.size(), limits.max_bytes),
        "send a smaller one"};
  const std::optional<ImageFormat> format = sniff(bytes);
  if (!format) return not_a_picture(bytes);
  OC_ASSIGN_OR_RETURN(const ImageInfo info, *format == ImageFormat::kJpeg  ? probe_jpeg(bytes)
                                            : *format == ImageFormat::kPng ? probe_png(bytes)
                                                                           : probe_webp(bytes));
  OC_RETURN_IF_ERROR(check_limits(info, limits));
  return info;
}

Result<Image> decode_image(Bytes bytes, const ImageLimits& limits) {
  OC_ASSIGN_OR_RETURN(const ImageInfo info, probe_image(bytes, limits));
  OC_ASSIGN_OR_RETURN(Image image, info.format == ImageFormat::kJpeg  ? decode_jpeg(bytes, info)
                                   : info.format == ImageFormat::kPng ? decode_png(bytes, info)
                                                                      : decode_webp(bytes, info));
  return upright(std::move(image), info.exif_orientation);
}

}  // namespace oc
