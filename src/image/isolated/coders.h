// The decoders that run in the helper. Fuzzers call them in their own process.
#pragma once

#include "image/isolated/request.h"

namespace oc {

HelperStatus decode_heif_pixels(const PixelRequest& request, Bytes file,
                                std::span<std::uint8_t> pixels);
HelperStatus decode_tiff_pixels(const PixelRequest& request, Bytes file,
                                std::span<std::uint8_t> pixels);

}  // namespace oc
