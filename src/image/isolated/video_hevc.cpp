#include <libde265/de265.h>

#include <array>
#include <utility>

#include "image/isolated/video.h"

namespace oc {
namespace {

struct Free {
  void operator()(de265_decoder_context* context) const { de265_free_decoder(context); }
};
using Context = std::unique_ptr<de265_decoder_context, Free>;

// The most pixels that the decoder gives a picture: the stream has a size of its own, which is
// believed as far as the file's boxes promised it.
struct Promised {
  std::int64_t pixels = 0;
  bool exceeded = false;
};
int get_buffer(de265_decoder_context* context, de265_image_spec* spec, de265_image* image,
               void* promised) {
  auto& limit = *static_cast<Promised*>(promised);
  if (std::int64_t{spec->width} * spec->height > limit.pixels) {
    limit.exceeded = true;
    return 0;
  }
  return de265_get_default_image_allocation_functions()->get_buffer(context, spec, image, nullptr);
}
void release_buffer(de265_decoder_context* context, de265_image* image, void*) {
  de265_get_default_image_allocation_functions()->release_buffer(context, image, nullptr);
}

class HevcImage final : public DecodedImage {
 public:
  explicit HevcImage(Context context) : context_(std::move(context)) {}

 private:
  Context context_;
};

HelperStatus status_of(de265_error error) {
  switch (error) {
    case DE265_ERROR_OUT_OF_MEMORY:
    case DE265_WARNING_CANNOT_APPLY_SAO_OUT_OF_MEMORY:
      return HelperStatus::kOutOfMemory;
    case DE265_ERROR_NOT_IMPLEMENTED_YET:
      return HelperStatus::kUnsupported;
    default:
      return HelperStatus::kDamaged;
  }
}

bool push(de265_decoder_context* context, Bytes unit) {
  return unit.empty() || de265_push_NAL(context, unit.data(), static_cast<int>(unit.size()), 0,
                                        nullptr) == DE265_OK;
}

// Parameter sets of the box hvcC (ISO/IEC 14496-15, 8.3.2.1); how long lengths are in the data; 0:
// it makes no sense.
int push_config(de265_decoder_context* context, Bytes config) {
  BoxReader reader(config);
  reader.skip(21);
  const int length_bytes = static_cast<int>(reader.take(1) & 3) + 1;
  const std::uint64_t arrays = reader.take(1);
  for (std::uint64_t i = 0; i < arrays; ++i) {
    reader.skip(1);
    const std::uint64_t units = reader.take(2);
    for (std::uint64_t n = 0; n < units && reader.ok(); ++n) {
      const std::uint64_t length = reader.take(2);
      if (reader.rest().size() < length || !push(context, reader.rest().first(length))) return 0;
      reader.skip(length);
    }
  }
  return reader.ok() ? length_bytes : 0;
}

bool push_data(de265_decoder_context* context, const CodedImage& coded, int length_bytes) {
  for (const Bytes part : coded.data) {
    BoxReader reader(part);
    while (!reader.rest().empty()) {
      const std::uint64_t length = reader.take(length_bytes);
      if (!reader.ok() || reader.rest().size() < length ||
          !push(context, reader.rest().first(length)))
        return false;
      reader.skip(length);
    }
  }
  return de265_flush_data(context) == DE265_OK;
}

// The decoder goes on where something is wrong, and only notes it.
std::optional<HelperStatus> complaint(de265_decoder_context* context) {
  for (;;) {
    const de265_error warning = de265_get_warning(context);
    if (warning == DE265_OK) return std::nullopt;
    constexpr std::array kHarmless = {DE265_WARNING_NO_WPP_CANNOT_USE_MULTITHREADING,
                                      DE265_WARNING_SPS_MISSING_CANNOT_DECODE_SEI,
                                      DE265_WARNING_EOSS_BIT_NOT_SET};
    bool harmless = false;
    for (const de265_error one : kHarmless) harmless |= warning == one;
    if (!harmless) return status_of(warning);
  }
}

Plane plane_of(const de265_image& image, int channel) {
  Plane plane;
  int stride = 0;
  plane.data = de265_get_image_plane(&image, channel, &stride);
  plane.stride = stride;
  plane.width = de265_get_image_width(&image, channel);
  plane.height = de265_get_image_height(&image, channel);
  plane.bits = de265_get_bits_per_pixel(&image, channel);
  return plane;
}

}  // namespace

Decoded decode_hevc(const CodedImage& coded) {
  // Its tables, which would be made anew for each decoder: milliseconds a tile.
  static const bool ready = de265_init() == DE265_OK;
  if (!ready) return {.status = HelperStatus::kOutOfMemory, .image = nullptr};
  Context context(de265_new_decoder());
  if (context == nullptr) return {.status = HelperStatus::kOutOfMemory, .image = nullptr};
  constexpr int kBlock = 64;  // sizes are of whole blocks
  Promised promised{.pixels = (std::int64_t{coded.width} + kBlock) *
                              (std::int64_t{coded.height} + kBlock)};
  de265_image_allocation allocation{.get_buffer = get_buffer, .release_buffer = release_buffer};
  de265_set_image_allocation_functions(context.get(), &allocation, &promised);
  const int length_bytes = push_config(context.get(), coded.config);
  if (length_bytes == 0 || !push_data(context.get(), coded, length_bytes)) return {};
  const de265_image* image = nullptr;
  for (int more = 1; more != 0 && image == nullptr;) {
    const de265_error error = de265_decode(context.get(), &more);
    if (promised.exceeded) return {};
    if (const auto status = complaint(context.get())) return {.status = *status, .image = nullptr};
    if (error != DE265_OK) return {.status = status_of(error), .image = nullptr};
    image = de265_peek_next_picture(context.get());
  }
  if (image == nullptr) return {};

  Decoded out{.status = HelperStatus::kDone,
              .image = std::make_unique<HevcImage>(std::move(context))};
  out.image->y = plane_of(*image, 0);
  out.image->cicp = {.primaries = de265_get_image_colour_primaries(image),
                     .transfer = de265_get_image_transfer_characteristics(image),
                     .matrix = de265_get_image_matrix_coefficients(image),
                     .full_range = de265_get_image_full_range_flag(image) != 0};
  const de265_chroma chroma = de265_get_chroma_format(image);
  if (chroma == de265_chroma_mono) return out;
  out.image->cb = plane_of(*image, 1);
  out.image->cr = plane_of(*image, 2);
  out.image->shift_x = chroma == de265_chroma_420 || chroma == de265_chroma_422 ? 1 : 0;
  out.image->shift_y = chroma == de265_chroma_420 ? 1 : 0;
  return out;
}

}  // namespace oc
