// HEIC and AVIF: tiles put together, samples made colours. Runs in the helper.
#include <algorithm>
#include <vector>

#include "image/isolated/coders.h"
#include "image/isolated/video.h"

namespace oc {
namespace {

Decoded decode_coded(const CodedImage& coded, [[maybe_unused]] bool hevc) {
#ifdef OC_HAS_HEIC
  if (hevc) return decode_hevc(coded);
#endif
#ifdef OC_HAS_AVIF
  if (!hevc) return decode_av1(coded);
#endif
  static_cast<void>(coded);
  return {.status = HelperStatus::kNoDecoder, .image = nullptr};
}

// Of the planes of a decoded picture, at least so many samples.
bool has_planes(const DecodedImage& image, int width, int height) {
  const auto holds = [](const Plane& plane, int columns, int rows) {
    return plane.data != nullptr && plane.width >= columns && plane.height >= rows &&
           plane.bits >= 8 && plane.bits <= 16;
  };
  if (!holds(image.y, width, height)) return false;
  if (image.cb.data == nullptr && image.cr.data == nullptr) return true;
  const int columns = (width + image.shift_x) >> image.shift_x;
  const int rows = (height + image.shift_y) >> image.shift_y;
  return holds(image.cb, columns, rows) && holds(image.cr, columns, rows) &&
         image.cb.bits == image.y.bits && image.cr.bits == image.y.bits;
}

// Tiles side by side.
class Canvas final : public DecodedImage {
 public:
  // Of the kind of its first tile.
  Canvas(const HeifLayer& layer, const DecodedImage& first) {
    shift_x = first.shift_x;
    shift_y = first.shift_y;
    cicp = first.cicp;
    make(y, samples_[0], layer.width, layer.height, first.y.bits);
    if (first.cb.data == nullptr) return;
    const int width = (layer.width + shift_x) >> shift_x;
    const int height = (layer.height + shift_y) >> shift_y;
    make(cb, samples_[1], width, height, first.y.bits);
    make(cr, samples_[2], width, height, first.y.bits);
  }

  // False: it is of another kind.
  bool put(const DecodedImage& tile, int left, int top) {
    if (tile.y.bits != y.bits || tile.shift_x != shift_x || tile.shift_y != shift_y ||
        (tile.cb.data == nullptr) != (cb.data == nullptr))
      return false;
    copy(tile.y, y, samples_[0], left, top);
    if (cb.data == nullptr) return true;
    copy(tile.cb, cb, samples_[1], left >> shift_x, top >> shift_y);
    copy(tile.cr, cr, samples_[2], left >> shift_x, top >> shift_y);
    return true;
  }

 private:
  static void make(Plane& plane, std::vector<std::uint8_t>& samples, int width, int height,
                   int bits) {
    const std::ptrdiff_t stride = std::ptrdiff_t{width} * (bits > 8 ? 2 : 1);
    samples.resize(static_cast<std::size_t>(stride) * static_cast<std::size_t>(height));
    plane = {
        .data = samples.data(), .stride = stride, .width = width, .height = height, .bits = bits};
  }
  static void copy(const Plane& from, const Plane& to, std::vector<std::uint8_t>& samples, int left,
                   int top) {
    const int width = std::min(from.width, to.width - left);
    const int height = std::min(from.height, to.height - top);
    const std::ptrdiff_t size = to.bits > 8 ? 2 : 1;
    for (int row = 0; row < height && width > 0; ++row)
      std::copy_n(from.data + from.stride * row, width * size,
                  samples.data() + to.stride * (top + row) + left * size);
  }

  std::array<std::vector<std::uint8_t>, 3> samples_;
};

Decoded decode_layer(const HeifLayer& layer) {
  std::unique_ptr<Canvas> canvas;
  for (std::size_t i = 0; i < layer.tiles.size(); ++i) {
    const CodedImage& coded = layer.tiles[i];
    Decoded tile = decode_coded(coded, layer.hevc);
    if (tile.status != HelperStatus::kDone) return tile;
    if (!has_planes(*tile.image, coded.width, coded.height)) return {};
    if (layer.tiles.size() == 1) return tile;
    // Tiles begin where their colours do: thinned out by two they have even sizes.
    const int left = static_cast<int>(i) % layer.columns * coded.width;
    const int top = static_cast<int>(i) / layer.columns * coded.height;
    if ((left & tile.image->shift_x) != 0 || (top & tile.image->shift_y) != 0)
      return {.status = HelperStatus::kUnsupported, .image = nullptr};
    if (canvas == nullptr) canvas = std::make_unique<Canvas>(layer, *tile.image);
    if (!canvas->put(*tile.image, left, top)) return {};
  }
  return {.status = HelperStatus::kDone, .image = std::move(canvas)};
}

}  // namespace

HelperStatus decode_heif_pixels(const PixelRequest& request, Bytes file,
                                std::span<std::uint8_t> pixels) {
  const auto picture = read_heif(file);
  if (!picture.ok() || picture->width != request.width || picture->height != request.height)
    return HelperStatus::kDamaged;
  const Decoded colours = decode_layer(picture->colours);
  if (colours.status != HelperStatus::kDone) return colours.status;
  const Decoded alpha = has_alpha(request.samples)
                            ? decode_layer(picture->alpha)
                            : Decoded{.status = HelperStatus::kDone, .image = nullptr};
  if (alpha.status != HelperStatus::kDone) return alpha.status;

  const DecodedImage& image = *colours.image;
  const bool grey = request.samples == Samples::kGrey || request.samples == Samples::kGreyAlpha;
  if (grey != (image.cb.data == nullptr)) return HelperStatus::kDamaged;
  Planes planes{.y = image.y,
                .cb = image.cb,
                .cr = image.cr,
                .alpha = alpha.image != nullptr ? alpha.image->y : Plane{},
                .shift_x = image.shift_x,
                .shift_y = image.shift_y,
                .premultiplied = picture->premultiplied,
                .smooth = !picture->colours.hevc};
  // What the decoder has beyond the size that was promised is not looked at.
  planes.y.width = picture->colours.width;
  planes.cb.width = planes.cr.width = (planes.y.width + planes.shift_x) >> planes.shift_x;
  planes.cb.height = planes.cr.height =
      (picture->colours.height + planes.shift_y) >> planes.shift_y;
  auto rows = YuvRows::make(planes, picture->cicp.value_or(image.cicp), request.samples);
  if (!rows) return HelperStatus::kUnsupported;
  const std::size_t stride = static_cast<std::size_t>(request.width) * samples_of(request.samples);
  for (int y = 0; y < request.height; ++y)
    rows->row(picture->top + y, picture->left, request.width,
              pixels.data() + stride * static_cast<std::size_t>(y));
  return HelperStatus::kDone;
}

}  // namespace oc
