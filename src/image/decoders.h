// One decoder a format; private to the layer. Each takes bytes that probe_image() accepted and
// gives the picture upright, as RGB. Every failure is in our words, without library texts.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "image/bytes.h"
#include "image/colours.h"
#include "image/image.h"

namespace oc {

// Sizes, EXIF and what decoding takes, from the container's structure alone.
Result<ImageInfo> probe_jpeg(Bytes bytes, const ImageLimits& limits);
Result<ImageInfo> probe_png(Bytes bytes);
Result<ImageInfo> probe_webp(Bytes bytes);
Result<ImageInfo> probe_gif(Bytes bytes);
Result<ImageInfo> probe_bmp(Bytes bytes);
Result<ImageInfo> probe_heif(Bytes bytes);  // HEIC and AVIF, told apart
Result<ImageInfo> probe_tiff(Bytes bytes);

// Whether the file says at its beginning that it is one of HEIF's kinds; videos are not.
bool is_heif(Bytes file);

struct Decoding {
  Bytes bytes;
  const ImageInfo& info;
  const ImageLimits& limits;
  const ImageReading& reading;
  const Interrupt& interrupt;  // asked for each row, scan and chunk
};
Result<Image> decode_jpeg(const Decoding& task);
Result<Image> decode_png(const Decoding& task);
Result<Image> decode_webp(const Decoding& task);
Result<Image> decode_gif(const Decoding& task);
Result<Image> decode_bmp(const Decoding& task);
// In a process of their own.
Result<Image> decode_heif(const Decoding& task);
Result<Image> decode_tiff(const Decoding& task);

// How the colours of a file with this profile become sRGB. Null: there is nothing to be done, or
// `note` says why it is left out: it would take too long beside the decoding.
std::unique_ptr<ColourConversion> conversion_for(const Decoding& task, Bytes profile,
                                                 Samples samples, std::string& note);

// How a library's decoder ended.
enum class Outcome { kDone, kDamaged, kUnsupported, kTooManyScans, kOutOfMemory, kStopped };

// The error of a picture that did not end in kDone.
Error failure(Outcome outcome, const Decoding& task);
// The one text for damaged pictures.
Error damaged(ImageFormat format);

// The most scans that a JPEG of this size may be stored in.
int max_scans_of(const ImageInfo& info, const ImageLimits& limits);
Error too_many_scans(const ImageInfo& info, const ImageLimits& limits);

// What libwebp takes for a picture of this size in these RIFF chunks; nullopt: its stream is
// damaged.
std::optional<std::size_t> webp_working_bytes(Bytes chunks, const ImageInfo& info);
// The same for the file, and what is ours: takes longer for larger pictures.
std::optional<std::size_t> webp_file_bytes(Bytes file, const ImageInfo& info);

// Of the picture itself.
inline std::size_t rgb_bytes(const ImageInfo& info) {
  return static_cast<std::size_t>(info.width) * static_cast<std::size_t>(info.height) * 3;
}

}  // namespace oc
