// What the image tests share: small pictures, and files of each format made in memory. Files are
// strings, so that a test can cut and change them.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>
// jpeglib.h needs <cstdio> first.
#include <jpeglib.h>
#include <webp/encode.h>

#include "image/image.h"

namespace oc::test {

using Rgb = std::array<int, 3>;

template <class Of>  // Rgb of(int x, int y)
Image make_image(int width, int height, Of of) {
  Image image{width, height, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (const int value : of(x, y)) image.rgb.push_back(static_cast<std::uint8_t>(value));
  return image;
}
// Every pixel unlike its neighbours: for lossless formats.
inline Image rough_image(int width, int height) {
  return make_image(width, height, [](int x, int y) {
    return Rgb{(x * 37 + y * 11) % 256, (x * 5 + y * 71 + 80) % 256, (x * y * 3 + 160) % 256};
  });
}
// Slow slopes: what JPEG and WebP keep within a few steps.
inline Image smooth_image(int width, int height) {
  return make_image(width, height, [&](int x, int y) {
    return Rgb{40 + 150 * x / width, 60 + 120 * y / height, 200 - 90 * x / width};
  });
}

inline Rgb pixel(const Image& image, int x, int y) {
  const auto at = static_cast<std::size_t>(y * image.width + x) * 3;
  return {image.rgb[at], image.rgb[at + 1], image.rgb[at + 2]};
}

// The largest difference of a sample; 256 when the sizes differ.
inline int difference(const Image& a, const Image& b) {
  if (a.width != b.width || a.height != b.height || a.rgb.size() != b.rgb.size()) return 256;
  int most = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i)
    most = std::max(most, std::abs(a.rgb[i] - b.rgb[i]));
  return most;
}

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}
inline Result<Image> decode(std::string_view file, const ImageLimits& limits = {},
                            const ImageReading& reading = {}) {
  const std::vector<char> exact(file.begin(), file.end());  // so that ASan sees its end
  return decode_image(std::as_bytes(std::span(exact)), limits, {}, reading);
}
inline Result<ImageInfo> probe(std::string_view file, const ImageLimits& limits = {}) {
  const std::vector<char> exact(file.begin(), file.end());
  return probe_image(std::as_bytes(std::span(exact)), limits);
}
// The decoded picture, which must be one.
inline Image decoded(std::string_view file, const ImageReading& reading = {}) {
  auto result = decode(file, {}, reading);
  EXPECT_TRUE(result.ok()) << result.error().describe();
  return result.ok() ? *std::move(result) : Image{};
}
// As the models' reference code reads it: transparency dropped, no profile looked at.
inline Image as_reference(std::string_view file) {
  return decoded(file, ImageReading::as_reference());
}
template <class T>
Error error_of(const Result<T>& result) {
  EXPECT_FALSE(result.ok()) << "no error";
  return result.ok() ? Error{ErrorCode::kInternal, "no error"} : result.error();
}

inline bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

inline std::string number(std::uint32_t value, int bytes, bool little) {
  std::string out;
  for (int i = 0; i < bytes; ++i)
    out += static_cast<char>(value >> (8 * (little ? i : bytes - 1 - i)));
  return out;
}

// A TIFF structure with two tags, the second of which is the orientation (SHORT, or LONG).
inline std::string exif_block(std::uint32_t orientation, bool little = true, bool as_long = false) {
  const auto n = [&](std::uint32_t value, int bytes) { return number(value, bytes, little); };
  std::string tag = n(0x0112, 2) + n(as_long ? 4 : 3, 2) + n(1, 4);
  tag += as_long ? n(orientation, 4) : n(orientation, 2) + n(0, 2);
  return (little ? "II" : "MM") + n(42, 2) + n(8, 4) + n(2, 2) + n(0x010f, 2) + n(2, 2) + n(4, 4) +
         std::string("abc\0", 4) + tag + n(0, 4);
}
inline const std::string kExifHead("Exif\0\0", 6);

// What a JPEG is written with. Quality 100 and no subsampling: nearly exact.
struct JpegOptions {
  J_COLOR_SPACE from = JCS_RGB;  // of the samples
  J_COLOR_SPACE stored = JCS_YCbCr;
  bool progressive = false;
  bool arithmetic = false;  // coded so
  bool halved_chroma = false;
  bool adobe_marker = true;  // where the colour space has one
  int restart_rows = 0;
  int quality = 100;
  std::vector<std::string> app1 = {}, app2 = {};
};
// `samples`: rows of width * (size / (width * height)) bytes.
inline std::string make_jpeg(int width, int height, const std::vector<std::uint8_t>& samples,
                             const JpegOptions& options = {}) {
  jpeg_compress_struct encoder;
  jpeg_error_mgr errors;
  encoder.err = jpeg_std_error(&errors);
  jpeg_create_compress(&encoder);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&encoder, &bytes, &size);
  encoder.image_width = static_cast<JDIMENSION>(width);
  encoder.image_height = static_cast<JDIMENSION>(height);
  encoder.input_components = static_cast<int>(samples.size()) / (width * height);
  encoder.in_color_space = options.from;
  jpeg_set_defaults(&encoder);
  jpeg_set_colorspace(&encoder, options.stored);
  jpeg_set_quality(&encoder, options.quality, TRUE);
  for (int i = 0; i < encoder.num_components; ++i)
    encoder.comp_info[i].h_samp_factor = encoder.comp_info[i].v_samp_factor =
        options.halved_chroma && i == 0 ? 2 : 1;
  encoder.restart_in_rows = options.restart_rows;
  if (!options.adobe_marker) encoder.write_Adobe_marker = FALSE;
  encoder.arith_code = options.arithmetic ? TRUE : FALSE;
  if (options.progressive) jpeg_simple_progression(&encoder);
  jpeg_start_compress(&encoder, TRUE);
  for (const std::string& segment : options.app1)
    jpeg_write_marker(&encoder, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(segment.data()),
                      static_cast<unsigned>(segment.size()));
  for (const std::string& segment : options.app2)
    jpeg_write_marker(&encoder, JPEG_APP0 + 2, reinterpret_cast<const JOCTET*>(segment.data()),
                      static_cast<unsigned>(segment.size()));
  const auto stride = static_cast<std::size_t>(width * encoder.input_components);
  for (int y = 0; y < height; ++y) {
    auto* row = const_cast<JSAMPLE*>(samples.data() + static_cast<std::size_t>(y) * stride);
    jpeg_write_scanlines(&encoder, &row, 1);
  }
  jpeg_finish_compress(&encoder);
  jpeg_destroy_compress(&encoder);
  std::string file(reinterpret_cast<char*>(bytes), size);
  std::free(bytes);
  return file;
}
inline std::string make_jpeg(const Image& image, const JpegOptions& options = {}) {
  return make_jpeg(image.width, image.height, image.rgb, options);
}

// One chunk of a RIFF file, padded to an even number of bytes.
inline std::string riff_chunk(std::string_view name, std::string_view data) {
  std::string out = std::string(name) + number(static_cast<std::uint32_t>(data.size()), 4, true) +
                    std::string(data);
  if (data.size() % 2 != 0) out += '\0';
  return out;
}
inline std::string riff_file(std::string_view chunks) {
  return "RIFF" + number(static_cast<std::uint32_t>(chunks.size() + 4), 4, true) + "WEBP" +
         std::string(chunks);
}
// VP8X: flags 0x02 animation, 0x08 EXIF, 0x10 alpha; sizes less one in three bytes.
inline std::string vp8x_chunk(int flags, int width, int height) {
  return riff_chunk("VP8X", number(static_cast<std::uint32_t>(flags), 4, true) +
                                number(static_cast<std::uint32_t>(width - 1), 3, true) +
                                number(static_cast<std::uint32_t>(height - 1), 3, true));
}
// samples: 3 or 4 bytes a pixel. Alpha keeps the colour of clear pixels.
inline std::string encode_webp(int width, int height, const std::vector<std::uint8_t>& samples,
                               bool lossless) {
  WebPConfig config;
  WebPPicture picture;
  EXPECT_TRUE(WebPConfigInit(&config) && WebPPictureInit(&picture));
  config.lossless = lossless ? 1 : 0;
  config.exact = 1;
  config.quality = 95;
  config.method = 1;
  picture.use_argb = 1;
  picture.width = width;
  picture.height = height;
  const bool alpha = samples.size() == static_cast<std::size_t>(width * height) * 4;
  WebPMemoryWriter writer;
  WebPMemoryWriterInit(&writer);
  picture.writer = WebPMemoryWrite;
  picture.custom_ptr = &writer;
  EXPECT_TRUE(alpha ? WebPPictureImportRGBA(&picture, samples.data(), width * 4)
                    : WebPPictureImportRGB(&picture, samples.data(), width * 3));
  EXPECT_TRUE(WebPEncode(&config, &picture));
  WebPPictureFree(&picture);
  std::string file(reinterpret_cast<char*>(writer.mem), writer.size);
  WebPMemoryWriterClear(&writer);
  return file;
}
inline std::string encode_webp(const Image& image, bool lossless = true) {
  return encode_webp(image.width, image.height, image.rgb, lossless);
}
// The same picture with metadata behind it.
inline std::string with_exif(const std::string& webp, const Image& image, std::string_view exif) {
  return riff_file(vp8x_chunk(0x08, image.width, image.height) + webp.substr(12) +
                   riff_chunk("EXIF", exif));
}

}  // namespace oc::test
