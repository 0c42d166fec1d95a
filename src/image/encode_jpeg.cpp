#include <csetjmp>
#include <cstdio>
// jpeglib.h needs <cstdio> first.
#include <jpeglib.h>

#include <cstdlib>
#include <memory>

#include "base/check.h"
#include "image/image.h"

namespace oc {
namespace {

struct JpegWriting {
  jpeg_compress_struct encoder;
  jpeg_error_mgr errors;
  std::jmp_buf escape;
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
};

// False: no memory, as no other error is left for a picture that was checked.
bool write_jpeg(JpegWriting& state, const Image& image) {
  constexpr int kQuality = 95;
  jpeg_compress_struct& encoder = state.encoder;
  encoder.err = jpeg_std_error(&state.errors);
  encoder.client_data = &state;
  state.errors.error_exit = [](j_common_ptr encoding) {
    std::longjmp(static_cast<JpegWriting*>(encoding->client_data)->escape, 1);
  };
  if (setjmp(state.escape) != 0) return false;
  jpeg_create_compress(&encoder);
  jpeg_mem_dest(&encoder, &state.bytes, &state.size);
  encoder.image_width = static_cast<JDIMENSION>(image.width);
  encoder.image_height = static_cast<JDIMENSION>(image.height);
  encoder.input_components = 3;
  encoder.in_color_space = JCS_RGB;
  jpeg_set_defaults(&encoder);
  jpeg_set_quality(&encoder, kQuality, TRUE);
  // A line of one colour keeps its edge: no chroma is shared between pixels.
  encoder.comp_info[0].h_samp_factor = encoder.comp_info[0].v_samp_factor = 1;
  jpeg_start_compress(&encoder, TRUE);
  while (encoder.next_scanline < encoder.image_height) {
    // The library reads it only.
    auto* row =
        const_cast<JSAMPLE*>(image.rgb.data() + static_cast<std::size_t>(3) * encoder.image_width *
                                                    encoder.next_scanline);
    jpeg_write_scanlines(&encoder, &row, 1);
  }
  jpeg_finish_compress(&encoder);
  return true;
}

}  // namespace

std::vector<std::byte> encode_jpeg(const Image& image) {
  OC_CHECK(image.width > 0 && image.height > 0 && image.width <= kMaxJpegSide &&
               image.height <= kMaxJpegSide &&
               image.rgb.size() == static_cast<std::size_t>(image.width) *
                                       static_cast<std::size_t>(image.height) * 3,
           "JPEG of {}x{} with {} bytes", image.width, image.height, image.rgb.size());
  JpegWriting state{};
  const bool good = write_jpeg(state, image);
  jpeg_destroy_compress(&state.encoder);
  const std::unique_ptr<unsigned char, decltype(&std::free)> owned(state.bytes, std::free);
  OC_CHECK(good, "JPEG of {}x{}", image.width, image.height);
  const auto* const first = reinterpret_cast<const std::byte*>(state.bytes);
  return {first, first + state.size};
}

}  // namespace oc
