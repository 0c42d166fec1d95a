#include "image/isolated/coders.h"

namespace oc {

HelperStatus decode_pixels(const PixelRequest& request, Bytes file,
                           std::span<std::uint8_t> pixels) {
  switch (request.coder) {
    case Coder::kHeif:
      return decode_heif_pixels(request, file, pixels);
    case Coder::kTiff:
#ifdef OC_HAS_TIFF
      return decode_tiff_pixels(request, file, pixels);
#else
      break;
#endif
  }
  return HelperStatus::kNoDecoder;
}

}  // namespace oc
