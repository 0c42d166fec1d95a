// Still pictures of video codecs: HEVC through libde265, AV1 through dav1d. Runs in the helper.
#pragma once

#include <memory>
#include <optional>

#include "image/isolated/heif_image.h"
#include "image/isolated/request.h"
#include "image/isolated/yuv_rows.h"

namespace oc {

// Its planes live as long as it does.
class DecodedImage {
 public:
  virtual ~DecodedImage() = default;
  Plane y, cb, cr;  // cb, cr: empty where it is grey
  int shift_x = 0, shift_y = 0;
  Cicp cicp;  // as the stream says
};

struct Decoded {
  HelperStatus status = HelperStatus::kDamaged;
  std::unique_ptr<DecodedImage> image;  // if kDone
};
Decoded decode_hevc(const CodedImage& coded);
Decoded decode_av1(const CodedImage& coded);

}  // namespace oc
