// HEIC, AVIF and TIFF for image.cpp: sizes from their structure, here; pixels in the helper.
#include <fmt/format.h>

#include <algorithm>

#include "image/decoders.h"
#include "image/isolated/heif_image.h"
#include "image/isolated/process.h"
#include "image/isolated/tiff_image.h"
#include "image/rows.h"

namespace oc {
namespace {

int channels_of(Samples samples) { return static_cast<int>(samples_of(samples)); }

// Of the whole system: the block that is shared with the helper, and beside it first the helper,
// then the picture that is made of the block.
std::size_t working_bytes(const ImageInfo& info, const PixelRequest& request, Bytes file,
                          std::size_t decoder_bytes, std::size_t profile_bytes) {
  const std::size_t helper = kHelperBytes + decoder_bytes;
  const std::size_t ours =
      rgb_bytes(info) + RowWriter::bytes(info) + conversion_bytes(profile_bytes);
  return block_bytes(request, file.size()) + std::max(helper, ours) - rgb_bytes(info);
}

PixelRequest request_for(const HeifImage& picture) {
  const bool alpha = !picture.alpha.tiles.empty();
  const Samples samples = picture.grey ? (alpha ? Samples::kGreyAlpha : Samples::kGrey)
                                       : (alpha ? Samples::kRgba : Samples::kRgb);
  return {
      .coder = Coder::kHeif, .samples = samples, .width = picture.width, .height = picture.height};
}
PixelRequest request_for(const TiffImage& picture) {
  return {.coder = Coder::kTiff,
          .samples = picture.row_samples(),
          .width = picture.width,
          .height = picture.height};
}

// The file's own profile, else the one that HEIF names by number; HDR is shown as it is.
std::vector<std::byte> profile_of(const HeifImage& picture) {
  if (!picture.profile.empty() && picture.profile.size() <= kMaxProfileBytes)
    return {picture.profile.begin(), picture.profile.end()};
  return picture.cicp && !picture.grey ? profile_of(*picture.cicp) : std::vector<std::byte>();
}

// Video codecs and LZW take their time for each byte.
double decode_ns(int width, int height, Bytes bytes) {
  constexpr double kPerPixel = 12, kPerByte = 80;
  return kPerPixel * width * height + kPerByte * static_cast<double>(bytes.size());
}

// The alpha of each pixel left out.
void copy_without_alpha(const std::uint8_t* from, std::size_t step, std::uint8_t* to, int width) {
  for (int x = 0; x < width; ++x, from += step, to += step - 1) std::copy_n(from, step - 1, to);
}

Result<Image> decode_in_helper(const Decoding& task, const PixelRequest& request,
                               std::size_t decoder_bytes, Bytes profile) {
  OC_ASSIGN_OR_RETURN(const HelperPixels helper, run_helper(task, request, decoder_bytes));
  const bool drop = has_alpha(request.samples) && !task.reading.background;
  const Samples samples = !drop                                    ? request.samples
                          : request.samples == Samples::kGreyAlpha ? Samples::kGrey
                                                                   : Samples::kRgb;
  std::string note;
  const auto conversion = conversion_for(task, profile, samples, note);
  RowWriter rows(task.info, samples, task.reading, conversion.get());
  const std::size_t step = samples_of(request.samples);
  const std::size_t stride = static_cast<std::size_t>(request.width) * step;
  const std::uint8_t* from = helper.pixels().data();
  for (int y = 0; y < request.height; ++y, from += stride) {
    if (task.interrupt.stop()) return failure(Outcome::kStopped, task);
    if (drop)
      copy_without_alpha(from, step, rows.row(), request.width);
    else
      std::copy_n(from, stride, rows.row());
    rows.done();
  }
  Image image = rows.take();
  image.note = std::move(note);
  return image;
}

}  // namespace

Result<ImageInfo> probe_heif(Bytes bytes) {
  OC_ASSIGN_OR_RETURN(const HeifImage picture, read_heif(bytes));
  const PixelRequest request = request_for(picture);
  ImageInfo info{.format = picture.format,
                 .width = picture.width,
                 .height = picture.height,
                 .channels = channels_of(request.samples),
                 .exif_orientation = picture.orientation,
                 .animated = picture.animated,
                 .decode_ns = decode_ns(picture.width, picture.height, bytes)};
  info.working_bytes =
      working_bytes(info, request, bytes, heif_decoder_bytes(picture), profile_of(picture).size());
  return info;
}

Result<ImageInfo> probe_tiff(Bytes bytes) {
  OC_ASSIGN_OR_RETURN(const TiffImage picture, read_tiff(bytes));
  const PixelRequest request = request_for(picture);
  ImageInfo info{.format = ImageFormat::kTiff,
                 .width = picture.width,
                 .height = picture.height,
                 .channels = channels_of(request.samples),
                 .exif_orientation = picture.orientation,
                 .decode_ns = decode_ns(picture.width, picture.height, bytes)};
  info.working_bytes =
      working_bytes(info, request, bytes, tiff_decoder_bytes(picture), picture.profile.size());
  return info;
}

Result<Image> decode_heif(const Decoding& task) {
  OC_ASSIGN_OR_RETURN(const HeifImage picture, read_heif(task.bytes));
  OC_ASSIGN_OR_RETURN(Image image,
                      decode_in_helper(task, request_for(picture), heif_decoder_bytes(picture),
                                       profile_of(picture)));
  if (image.note.empty() && picture.cicp && is_hdr(*picture.cicp))
    image.note = fmt::format("the {} picture is in HDR: its colours are taken as they are stored",
                             to_string(picture.format));
  return image;
}

Result<Image> decode_tiff(const Decoding& task) {
  OC_ASSIGN_OR_RETURN(const TiffImage picture, read_tiff(task.bytes));
  OC_ASSIGN_OR_RETURN(Image image, decode_in_helper(task, request_for(picture),
                                                    tiff_decoder_bytes(picture), picture.profile));
  if (image.note.empty() && picture.pages > 1)
    image.note = fmt::format("the TIFF file has {} pages: the first is looked at", picture.pages);
  return image;
}

}  // namespace oc
