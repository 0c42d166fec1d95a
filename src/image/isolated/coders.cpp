#include "image/isolated/coders.h"

#ifdef OC_HAS_HEIF
#include <libheif/heif.h>
#endif

namespace oc {

void prepare([[maybe_unused]] Coder coder) {
#ifdef OC_HAS_HEIF
  if (coder == Coder::kHeif) ::heif_init(nullptr);
#endif
}

HelperStatus decode_pixels(const PixelRequest& request, Bytes file,
                           std::span<std::uint8_t> pixels) {
  switch (request.coder) {
    case Coder::kHeif:
#ifdef OC_HAS_HEIF
      return decode_heif_pixels(request, file, pixels);
#else
      break;
#endif
    case Coder::kTiff:
#ifdef OC_HAS_TIFF
      return decode_tiff_pixels(request, file, pixels);
#else
      break;
#endif
  }
  return HelperStatus::kNotAsked;
}

}  // namespace oc
