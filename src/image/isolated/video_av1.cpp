#include <dav1d/dav1d.h>

#include <cerrno>
#include <utility>

#include "image/isolated/video.h"

namespace oc {
namespace {

struct Close {
  void operator()(Dav1dContext* context) const { dav1d_close(&context); }
};
using Context = std::unique_ptr<Dav1dContext, Close>;

class Av1Image final : public DecodedImage {
 public:
  explicit Av1Image(Context context) : context_(std::move(context)) {}
  Av1Image(const Av1Image&) = delete;
  Av1Image& operator=(const Av1Image&) = delete;
  ~Av1Image() override { dav1d_picture_unref(&picture); }
  Dav1dPicture picture{};

 private:
  Context context_;
};

// What dav1d still holds of the input.
struct Input {
  Input() = default;
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  ~Input() { dav1d_data_unref(&data); }
  Dav1dData data{};
};

HelperStatus status_of(int error) {
  if (error == DAV1D_ERR(ENOMEM)) return HelperStatus::kOutOfMemory;
  // Larger than frame_size_limit, too.
  return error == DAV1D_ERR(ENOPROTOOPT) ? HelperStatus::kUnsupported : HelperStatus::kDamaged;
}

// DAV1D_ERR(EAGAIN): there is no picture in it.
int first_picture(Dav1dContext* context, Input& input, Dav1dPicture& picture) {
  for (;;) {
    if (input.data.sz > 0)
      if (const int sent = dav1d_send_data(context, &input.data);
          sent < 0 && sent != DAV1D_ERR(EAGAIN))
        return sent;
    const int got = dav1d_get_picture(context, &picture);
    if (got != DAV1D_ERR(EAGAIN)) return got;
    if (input.data.sz == 0) return dav1d_get_picture(context, &picture);  // what is held back
  }
}

Plane plane_of(const Dav1dPicture& picture, std::size_t channel, int shift_x, int shift_y) {
  return {.data = static_cast<const std::uint8_t*>(picture.data[channel]),
          .stride = picture.stride[channel == 0 ? 0 : 1],
          .width = (picture.p.w + shift_x) >> shift_x,
          .height = (picture.p.h + shift_y) >> shift_y,
          .bits = picture.p.bpc};
}

Context open(const CodedImage& coded) {
  Dav1dSettings settings;
  dav1d_default_settings(&settings);
  settings.n_threads = 1;
  settings.max_frame_delay = 1;
  settings.all_layers = 0;
  settings.logger.callback = nullptr;
  constexpr unsigned kBlock = 128;  // a superblock more
  settings.frame_size_limit = (static_cast<unsigned>(coded.width) + kBlock) *
                              (static_cast<unsigned>(coded.height) + kBlock);
  Dav1dContext* context = nullptr;
  dav1d_open(&context, &settings);
  return Context(context);
}

}  // namespace

Decoded decode_av1(const CodedImage& coded) {
  Context context = open(coded);
  if (context == nullptr) return {.status = HelperStatus::kOutOfMemory, .image = nullptr};
  std::size_t size = 0;
  for (const Bytes part : coded.data) size += part.size();
  Input input;
  std::uint8_t* to = size > 0 ? dav1d_data_create(&input.data, size) : nullptr;
  if (to == nullptr) return {};
  for (const Bytes part : coded.data)
    for (const std::byte byte : part) *to++ = static_cast<std::uint8_t>(byte);

  Dav1dContext* const decoder = context.get();
  auto image = std::make_unique<Av1Image>(std::move(context));
  if (const int error = first_picture(decoder, input, image->picture); error < 0)
    return {.status = status_of(error), .image = nullptr};
  const Dav1dPicture& picture = image->picture;
  const bool grey = picture.p.layout == DAV1D_PIXEL_LAYOUT_I400;
  image->shift_x = grey || picture.p.layout == DAV1D_PIXEL_LAYOUT_I444 ? 0 : 1;
  image->shift_y = picture.p.layout == DAV1D_PIXEL_LAYOUT_I420 ? 1 : 0;
  image->y = plane_of(picture, 0, 0, 0);
  if (!grey) {
    image->cb = plane_of(picture, 1, image->shift_x, image->shift_y);
    image->cr = plane_of(picture, 2, image->shift_x, image->shift_y);
  }
  image->cicp = {.primaries = static_cast<int>(picture.seq_hdr->pri),
                 .transfer = static_cast<int>(picture.seq_hdr->trc),
                 .matrix = static_cast<int>(picture.seq_hdr->mtrx),
                 .full_range = picture.seq_hdr->color_range != 0};
  return {.status = HelperStatus::kDone, .image = std::move(image)};
}

}  // namespace oc
