// One decoder a format; private to the layer. Each takes bytes that probe_image() accepted and
// gives RGB as stored (EXIF not applied). Every failure is kCorrupt or kUnsupported, without
// library texts.
#pragma once

#include "image/bytes.h"
#include "image/image.h"

namespace oc {

// Sizes and EXIF from the container's structure alone.
Result<ImageInfo> probe_jpeg(Bytes bytes);
Result<ImageInfo> probe_png(Bytes bytes);
Result<ImageInfo> probe_webp(Bytes bytes);

Result<Image> decode_jpeg(Bytes bytes, const ImageInfo& info);
Result<Image> decode_png(Bytes bytes, const ImageInfo& info);
Result<Image> decode_webp(Bytes bytes, const ImageInfo& info);

// The one text for damaged pictures.
Error damaged(ImageFormat format);

}  // namespace oc
