#include "image/image.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <new>
#include <optional>

#include "image/decoders.h"
#include "image/upright.h"

namespace oc {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kDecoding = "decoding of a picture";
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
  if (info.scans > max_scans_of(info, limits)) return too_many_scans(info, limits);
  return {};
}

Error no_memory_to_decode() {
  return {ErrorCode::kUnavailable, "there is no memory left to decode the picture",
          "try again later, or send a smaller one"};
}

// Memory can run out anywhere: the libraries tell, our own vectors throw.
template <class Work>
Result<Image> with_memory_checked(const Work& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    return no_memory_to_decode();
  }
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

int max_scans_of(const ImageInfo& info, const ImageLimits& limits) {
  constexpr std::int64_t kMaxScans = 200;  // however small: each takes its time to begin
  const auto pixels = std::int64_t{info.width} * info.height;
  return static_cast<int>(std::clamp<std::int64_t>(limits.max_scan_pixels / pixels, 1, kMaxScans));
}

Error too_many_scans(const ImageInfo& info, const ImageLimits& limits) {
  return {ErrorCode::kTooLarge,
          fmt::format("the JPEG picture of {}x{} pixels comes in more than {} scans", info.width,
                      info.height, max_scans_of(info, limits)),
          "save it again as an ordinary JPEG"};
}

Error failure(Outcome outcome, const Decoding& task) {
  switch (outcome) {
    case Outcome::kDone:
    case Outcome::kDamaged:
      break;
    case Outcome::kUnsupported:
      return {ErrorCode::kUnsupported, "the JPEG picture uses an unusual colour space",
              "save it as an ordinary RGB JPEG or PNG"};
    case Outcome::kTooManyScans:
      return too_many_scans(task.info, task.limits);
    case Outcome::kOutOfMemory:
      return no_memory_to_decode();
    case Outcome::kStopped:
      if (auto stopped = task.interrupt.check(kDecoding); !stopped) return stopped.error();
      break;
  }
  return damaged(task.info.format);
}

Result<ImageInfo> probe_image(Bytes bytes, const ImageLimits& limits) {
  if (bytes.size() > limits.max_bytes)
    return Error{
        ErrorCode::kTooLarge,
        fmt::format("the picture has {} bytes, more than {}", bytes.size(), limits.max_bytes),
        "send a smaller one"};
  const std::optional<ImageFormat> format = sniff(bytes);
  if (!format) return not_a_picture(bytes);
  OC_ASSIGN_OR_RETURN(ImageInfo info, *format == ImageFormat::kJpeg  ? probe_jpeg(bytes)
                                      : *format == ImageFormat::kPng ? probe_png(bytes)
                                                                     : probe_webp(bytes));
  OC_RETURN_IF_ERROR(check_limits(info, limits));
  if (info.format == ImageFormat::kWebp) {  // takes longer for larger pictures
    const auto bytes_taken = webp_working_bytes(bytes, info);
    if (!bytes_taken) return damaged(info.format);
    info.working_bytes = *bytes_taken;
  }
  return info;
}

Result<Image> decode_image(Bytes bytes, const ImageLimits& limits, const Interrupt& interrupt) {
  return with_memory_checked([&]() -> Result<Image> {
    OC_ASSIGN_OR_RETURN(const ImageInfo info, probe_image(bytes, limits));
    OC_RETURN_IF_ERROR(interrupt.check(kDecoding));
    const Decoding task{bytes, info, limits, interrupt};
    OC_ASSIGN_OR_RETURN(Image image, info.format == ImageFormat::kJpeg  ? decode_jpeg(task)
                                     : info.format == ImageFormat::kPng ? decode_png(task)
                                                                        : decode_webp(task));
    image = upright(std::move(image), info.exif_orientation, interrupt);
    OC_RETURN_IF_ERROR(interrupt.check(kDecoding));
    return image;
  });
}

}  // namespace oc
