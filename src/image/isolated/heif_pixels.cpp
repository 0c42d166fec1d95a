// HEIC and AVIF through libheif. Runs in the helper.
#include <libheif/heif.h>

#include <algorithm>
#include <memory>

#include "image/isolated/coders.h"
#include "image/isolated/heif_picture.h"
#include "image/isolated/yuv_rows.h"

namespace oc {
namespace {

struct Free {
  void operator()(heif_context* context) const { heif_context_free(context); }
  void operator()(const heif_image_handle* handle) const { heif_image_handle_release(handle); }
  void operator()(const heif_image* image) const { heif_image_release(image); }
  void operator()(heif_decoding_options* options) const { heif_decoding_options_free(options); }
  void operator()(heif_color_profile_nclx* nclx) const { heif_nclx_color_profile_free(nclx); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

HelperStatus status_of(const heif_error& error) {
  switch (error.code) {
    case heif_error_Ok:
      return HelperStatus::kDone;
    case heif_error_Unsupported_filetype:
    case heif_error_Unsupported_feature:
      return error.subcode == heif_suberror_Unsupported_codec ? HelperStatus::kNoDecoder
                                                              : HelperStatus::kUnsupported;
    case heif_error_Memory_allocation_error:
      return HelperStatus::kOutOfMemory;
    default:
      return HelperStatus::kDamaged;
  }
}

heif_chroma chroma_of(const HeifPicture& picture) {
  if (picture.grey) return heif_chroma_monochrome;
  if (picture.chroma_shift_y != 0) return heif_chroma_420;
  return picture.chroma_shift_x != 0 ? heif_chroma_422 : heif_chroma_444;
}

// What libheif itself bounds, where it can be told to.
void set_bounds(heif_context& context, const HeifPicture& picture) {
  heif_context_set_max_decoding_threads(&context, 0);  // this thread
#if LIBHEIF_HAVE_VERSION(1, 19, 0)
  const auto pixels = [](int width, int height) {  // of whole blocks
    constexpr std::uint64_t kBlock = 64;
    return (static_cast<std::uint64_t>(width) + kBlock) *
           (static_cast<std::uint64_t>(height) + kBlock);
  };
  heif_context_get_security_limits(&context)->max_image_size_pixels =
      std::max(pixels(picture.coded_width, picture.coded_height),
               pixels(picture.tile_width, picture.tile_height));
#else
  static_cast<void>(picture);
#endif
}

Plane plane_of(const heif_image& image, heif_channel channel) {
  Plane plane;
  if (heif_image_has_channel(&image, channel) == 0) return plane;
  int stride = 0;
  plane.data = heif_image_get_plane_readonly(&image, channel, &stride);
  plane.stride = stride;
  plane.width = heif_image_get_width(&image, channel);
  plane.height = heif_image_get_height(&image, channel);
  plane.bits = heif_image_get_bits_per_pixel_range(&image, channel);
  if (plane.bits < 8 || plane.bits > 16) plane.data = nullptr;
  return plane;
}

bool has_rows(const Plane& plane, int width, int height) {
  return plane.data != nullptr && plane.width >= width && plane.height >= height;
}

// The planes, if they are what the file's boxes promised.
HelperStatus find_planes(const heif_image& image, const HeifPicture& picture, Samples samples,
                         Planes& out) {
  out.y = plane_of(image, heif_channel_Y);
  if (!has_rows(out.y, picture.coded_width, picture.coded_height)) return HelperStatus::kDamaged;
  out.y.width = picture.coded_width;
  if (heif_image_get_chroma_format(&image) != chroma_of(picture)) return HelperStatus::kDamaged;
  out.shift_x = picture.chroma_shift_x;
  out.shift_y = picture.chroma_shift_y;
  if (has_alpha(samples)) {
    out.alpha = plane_of(image, heif_channel_Alpha);
    if (!has_rows(out.alpha, picture.coded_width, picture.coded_height))
      return HelperStatus::kUnsupported;  // of another size
  }
  if (picture.grey) return HelperStatus::kDone;
  if (heif_image_get_colorspace(&image) != heif_colorspace_YCbCr) return HelperStatus::kUnsupported;
  for (auto& [plane, channel] :
       {std::pair{&out.cb, heif_channel_Cb}, std::pair{&out.cr, heif_channel_Cr}}) {
    *plane = plane_of(image, channel);
    const int width = (picture.coded_width + out.shift_x) >> out.shift_x;
    const int height = (picture.coded_height + out.shift_y) >> out.shift_y;
    if (!has_rows(*plane, width, height) || plane->bits != out.y.bits)
      return HelperStatus::kDamaged;
    plane->width = width;
    plane->height = height;
  }
  return HelperStatus::kDone;
}

// As the file's box says, else as the stream does.
Cicp colours_of(const heif_image& image, const HeifPicture& picture) {
  if (picture.cicp) return *picture.cicp;
  heif_color_profile_nclx* found = nullptr;
  if (heif_image_get_nclx_color_profile(&image, &found).code != heif_error_Ok || found == nullptr)
    return {};
  const Owned<heif_color_profile_nclx> nclx(found);
  return {.primaries = static_cast<int>(nclx->color_primaries),
          .transfer = static_cast<int>(nclx->transfer_characteristics),
          .matrix = static_cast<int>(nclx->matrix_coefficients),
          .full_range = nclx->full_range_flag != 0};
}

}  // namespace

HelperStatus decode_heif_pixels(const PixelRequest& request, Bytes file,
                                std::span<std::uint8_t> pixels) {
  const auto picture = read_heif(file);
  if (!picture.ok()) return HelperStatus::kDamaged;
  if (picture->width != request.width || picture->height != request.height)
    return HelperStatus::kDamaged;
  const Owned<heif_context> context(heif_context_alloc());
  if (context == nullptr) return HelperStatus::kOutOfMemory;
  set_bounds(*context, *picture);
  const auto failed = [](const heif_error& error) { return error.code != heif_error_Ok; };
  if (const heif_error error = heif_context_read_from_memory_without_copy(
          context.get(), file.data(), file.size(), nullptr);
      failed(error))
    return status_of(error);
  heif_image_handle* primary = nullptr;
  if (const heif_error error = heif_context_get_primary_image_handle(context.get(), &primary);
      failed(error))
    return status_of(error);
  const Owned<const heif_image_handle> handle(primary);

  // Turned and cut by us, as pictures of the other formats are; in its own
  // samples.
  const Owned<heif_decoding_options> options(heif_decoding_options_alloc());
  if (options == nullptr) return HelperStatus::kOutOfMemory;
  options->ignore_transformations = 1;
  // Asked for anything, libheif makes RGB, its way. What the boxes promise costs no conversion.
  heif_image* decoded = nullptr;
  if (const heif_error error =
          heif_decode_image(handle.get(), &decoded,
                            picture->grey ? heif_colorspace_monochrome : heif_colorspace_YCbCr,
                            chroma_of(*picture), options.get());
      failed(error))
    return status_of(error);
  const Owned<const heif_image> image(decoded);

  Planes planes;
  planes.premultiplied = heif_image_handle_is_premultiplied_alpha(handle.get()) != 0;
  if (const HelperStatus found = find_planes(*image, *picture, request.samples, planes);
      found != HelperStatus::kDone)
    return found;
  auto rows = YuvRows::make(planes, colours_of(*image, *picture), request.samples);
  if (!rows) return HelperStatus::kUnsupported;
  const std::size_t stride = static_cast<std::size_t>(request.width) * samples_of(request.samples);
  for (int y = 0; y < request.height; ++y)
    rows->row(picture->top + y, picture->left, request.width,
              pixels.data() + stride * static_cast<std::size_t>(y));
  return HelperStatus::kDone;
}

}  // namespace oc
