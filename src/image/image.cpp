#include "image/image.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <new>
#include <optional>

#include "base/hex.h"
#include "image/decoders.h"
#include "image/foreign.h"

namespace oc {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kDecoding = "decoding of a picture";
std::optional<ImageFormat> sniff(Bytes bytes) {
  if (starts_with(bytes, "\xff\xd8\xff"sv)) return ImageFormat::kJpeg;
  if (starts_with(bytes, "\x89PNG\r\n\x1a\n"sv)) return ImageFormat::kPng;
  if (starts_with(bytes, "RIFF"sv) && starts_with(bytes, "WEBP"sv, 8)) return ImageFormat::kWebp;
  if (starts_with(bytes, "GIF87a"sv) || starts_with(bytes, "GIF89a"sv)) return ImageFormat::kGif;
  // Two letters are few: the size of the header that follows must be one that there is.
  if (starts_with(bytes, "BM"sv) && read_uint(bytes, 14, 4, true).value_or(0) <= 256)
    return ImageFormat::kBmp;
  if ((is_built_in(ImageFormat::kHeic) || is_built_in(ImageFormat::kAvif)) && is_heif(bytes))
    return ImageFormat::kHeic;  // or AVIF
  if (is_built_in(ImageFormat::kTiff) && is_plain_tiff(bytes)) return ImageFormat::kTiff;
  return std::nullopt;
}

Result<void> check_limits(const ImageInfo& info, const ImageLimits& limits) {
  if (info.width < 1 || info.height < 1) return damaged(info.format);
  const auto pixels = std::int64_t{info.width} * info.height;
  if (pixels > limits.max_pixels) {
    // Of the setting: docs/configuration.md.
    constexpr std::int64_t kLargestAllowed = 200'000'000;
    const bool millions = limits.max_pixels % 1'000'000 == 0;
    return Error{
        ErrorCode::kTooLarge,
        fmt::format("the picture has {}x{} pixels, more than {}{}", info.width, info.height,
                    limits.max_pixels / (millions ? 1'000'000 : 1), millions ? " million" : ""),
        pixels > kLargestAllowed ? "send a smaller one"
                                 : "send a smaller one, or raise --max-picture-megapixels"};
  }
  const int longer = std::max(info.width, info.height), shorter = std::min(info.width, info.height);
  if (longer > std::int64_t{limits.max_aspect} * shorter)
    return Error{ErrorCode::kTooLarge,
                 fmt::format("the picture of {}x{} pixels is longer than {} times its short side",
                             info.width, info.height, limits.max_aspect),
                 "cut it into pieces, or raise --max-picture-aspect"};
  if (info.scans > max_scans_of(info, limits)) return too_many_scans(info, limits);
  return {};
}

Error no_memory_to_decode() {
  return {ErrorCode::kUnavailable, "out of memory while the picture was decoded",
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

Result<ImageInfo> probe(ImageFormat format, Bytes bytes, const ImageLimits& limits) {
  switch (format) {
    case ImageFormat::kJpeg:
      return probe_jpeg(bytes, limits);
    case ImageFormat::kPng:
      return probe_png(bytes);
    case ImageFormat::kWebp:
      return probe_webp(bytes);
    case ImageFormat::kGif:
      return probe_gif(bytes);
    case ImageFormat::kBmp:
      return probe_bmp(bytes);
    case ImageFormat::kHeic:
    case ImageFormat::kAvif:
      return probe_heif(bytes);
    case ImageFormat::kTiff:
      return probe_tiff(bytes);
  }
  return damaged(format);
}

Result<Image> decode(const Decoding& task) {
  switch (task.info.format) {
    case ImageFormat::kJpeg:
      return decode_jpeg(task);
    case ImageFormat::kPng:
      return decode_png(task);
    case ImageFormat::kWebp:
      return decode_webp(task);
    case ImageFormat::kGif:
      return decode_gif(task);
    case ImageFormat::kBmp:
      return decode_bmp(task);
    case ImageFormat::kHeic:
    case ImageFormat::kAvif:
      return decode_heif(task);
    case ImageFormat::kTiff:
      return decode_tiff(task);
  }
  return damaged(task.info.format);
}

// What whoever sent it should know of a picture that is one of several.
std::string animation_note(const ImageInfo& info) {
  if (!info.animated) return {};
  return fmt::format("the {} picture is an animation: its first frame is looked at",
                     to_string(info.format));
}

}  // namespace

Result<std::optional<std::array<std::uint8_t, 3>>> ImageReading::background_named(
    std::string_view name) {
  using Colour = std::optional<std::array<std::uint8_t, 3>>;
  if (name == "white") return Colour({255, 255, 255});
  if (name == "black") return Colour({0, 0, 0});
  if (name == "drop") return Colour();
  std::array<std::uint8_t, 3> colour{};
  bool right = name.size() == 7 && name[0] == '#';
  for (std::size_t i = 0; right && i < colour.size(); ++i) {
    const int high = hex_digit(name[1 + 2 * i]), low = hex_digit(name[2 + 2 * i]);
    right = high >= 0 && low >= 0;
    if (right) colour[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  if (right) return Colour(colour);
  return Error{ErrorCode::kInvalidArgument, "must be white, black, drop, or a colour as #rrggbb"};
}

std::string_view to_string(ImageFormat format) {
  switch (format) {
    case ImageFormat::kJpeg:
      return "JPEG";
    case ImageFormat::kPng:
      return "PNG";
    case ImageFormat::kWebp:
      return "WebP";
    case ImageFormat::kGif:
      return "GIF";
    case ImageFormat::kBmp:
      return "BMP";
    case ImageFormat::kHeic:
      return "HEIC";
    case ImageFormat::kAvif:
      return "AVIF";
    case ImageFormat::kTiff:
      return "TIFF";
  }
  return "?";
}

bool is_built_in([[maybe_unused]] ImageFormat format) {
#ifndef OC_HAS_HEIC
  if (format == ImageFormat::kHeic) return false;
#endif
#ifndef OC_HAS_AVIF
  if (format == ImageFormat::kAvif) return false;
#endif
#ifndef OC_HAS_TIFF
  if (format == ImageFormat::kTiff) return false;
#endif
  return true;
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

std::unique_ptr<ColourConversion> conversion_for(const Decoding& task, Bytes profile,
                                                 Samples samples, std::string& note) {
  if (!task.reading.convert_profiles) return nullptr;
  auto conversion = ColourConversion::from(profile, samples);
  if (conversion == nullptr) return nullptr;
  constexpr double kMaxNs = 2.2e9;  // some is left for turning and resizing
  const auto pixels = static_cast<double>(rgb_bytes(task.info) / 3);
  if (task.info.decode_ns + pixels * conversion->ns_per_pixel() <= kMaxNs) return conversion;
  note = fmt::format(
      "the colour profile of the {} picture is left out: for so many pixels it takes too long",
      to_string(task.info.format));
  return nullptr;
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
        "send a smaller one, or raise --max-picture-mb"};
  const std::optional<ImageFormat> format = sniff(bytes);
  if (!format) return not_an_image(bytes);
  OC_ASSIGN_OR_RETURN(ImageInfo info, probe(*format, bytes, limits));
  if (!is_built_in(info.format)) return not_built_in(info.format);
  OC_RETURN_IF_ERROR(check_limits(info, limits));
  if (info.format == ImageFormat::kWebp) {
    const auto bytes_taken = webp_file_bytes(bytes, info);
    if (!bytes_taken) return damaged(info.format);
    info.working_bytes = *bytes_taken;
  }
  if (rgb_bytes(info) + info.working_bytes > limits.max_memory)
    return Error{
        ErrorCode::kTooLarge,
        fmt::format("decoding the {} picture of {}x{} pixels takes {} MB, more than {}",
                    to_string(info.format), info.width, info.height,
                    (rgb_bytes(info) + info.working_bytes) >> 20, limits.max_memory >> 20),
        "send a smaller one, save it as an ordinary JPEG, or raise --max-picture-memory-mb"};
  return info;
}

Result<Image> decode_image(Bytes bytes, const ImageLimits& limits, const Interrupt& interrupt,
                           const ImageReading& reading) {
  return with_memory_checked([&]() -> Result<Image> {
    OC_ASSIGN_OR_RETURN(const ImageInfo info, probe_image(bytes, limits));
    OC_RETURN_IF_ERROR(interrupt.check(kDecoding));
    const Decoding task{bytes, info, limits, reading, interrupt};
    OC_ASSIGN_OR_RETURN(Image image, decode(task));
    OC_RETURN_IF_ERROR(interrupt.check(kDecoding));
    if (image.note.empty()) image.note = animation_note(info);
    return image;
  });
}

}  // namespace oc
