// The input is a picture: see picture.h.
#include "tests/fuzz/picture.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  return oc::fuzz::check_picture(bytes, oc::ImageFormat::kBmp) ? 0 : -1;
}
