#include <png.h>

#include <csetjmp>
#include <cstring>

#include "image/decoders.h"

namespace oc {
namespace {

constexpr std::size_t kSignature = 8,
                      kChunkFrame = 12;  // length, type and CRC around a chunk's data
constexpr png_alloc_size_t kMostChunkBytes = 8u << 20;
constexpr int kMostChunks = 256;

struct Reader {
  Bytes bytes;
  std::size_t at = 0;
};

[[noreturn]] void fail(png_structp png, png_const_charp) { png_longjmp(png, 1); }
void ignore(png_structp, png_const_charp) {}
void read(png_structp png, png_bytep out, std::size_t count) {
  auto* reader = static_cast<Reader*>(png_get_io_ptr(png));
  if (reader->bytes.size() - reader->at < count) fail(png, nullptr);
  std::memcpy(out, reader->bytes.data() + reader->at, count);
  reader->at += count;
}

// Whether every chunk up to the pixels lies within the file. libpng makes room for a text or a
// profile before it looks for its bytes: eighty bytes of file could ask for two gigabytes.
bool chunks_fit(Bytes bytes) {
  for (std::size_t at = kSignature;;) {
    const auto length = read_uint(bytes, at, 4, false);
    if (!length) return false;
    if (starts_with(bytes, "IDAT", at + 4) || starts_with(bytes, "IEND", at + 4)) return true;
    if (bytes.size() - at < kChunkFrame || bytes.size() - at - kChunkFrame < *length) return false;
    at += kChunkFrame + *length;
  }
}

// No object with a destructor may live here or below: errors leave by longjmp.
bool decode_into(png_structp png, png_infop header, Reader* reader, const ImageInfo& info,
                 std::uint8_t* rgb, png_bytep* rows) {
  if (setjmp(png_jmpbuf(png)) != 0) return false;
  png_set_read_fn(png, reader, read);
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);  // sizes were checked by the caller
  png_set_chunk_malloc_max(png, kMostChunkBytes);
  png_set_chunk_cache_max(png, kMostChunks);
  // Text, profiles and the like are nobody's business here.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, 0);
  png_read_info(png, header);
  if (png_get_image_width(png, header) != static_cast<png_uint_32>(info.width) ||
      png_get_image_height(png, header) != static_cast<png_uint_32>(info.height))
    return false;
  const int type = png_get_color_type(png, header);
  if (png_get_bit_depth(png, header) == 16) png_set_strip_16(png);  // the high byte
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
  if ((type & PNG_COLOR_MASK_COLOR) == 0) png_set_gray_to_rgb(png);
  png_set_strip_alpha(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, header);
  const auto stride = static_cast<std::size_t>(info.width) * 3;
  if (png_get_rowbytes(png, header) != stride) return false;
  for (int y = 0; y < info.height; ++y) rows[y] = rgb + static_cast<std::size_t>(y) * stride;
  png_read_image(png, rows);
  return true;
}

}  // namespace

Result<ImageInfo> probe_png(Bytes bytes) {
  ImageInfo info{.format = ImageFormat::kPng};
  const auto width = read_uint(bytes, 16, 4, false), height = read_uint(bytes, 20, 4, false);
  if (!starts_with(bytes, "IHDR", 12) || !width || !height || *width > 0x7fffffff ||
      *height > 0x7fffffff)
    return damaged(info.format);
  info.width = static_cast<int>(*width);
  info.height = static_cast<int>(*height);
  for (std::size_t at = kSignature;;) {  // eXIf may stand in front of the pixels or behind them
    const auto length = read_uint(bytes, at, 4, false);
    if (!length || bytes.size() - at < kChunkFrame || bytes.size() - at - kChunkFrame < *length)
      break;
    if (starts_with(bytes, "eXIf", at + 4)) {
      info.exif_orientation = exif_orientation(bytes.subspan(at + 8, *length));
      break;
    }
    at += kChunkFrame + *length;
  }
  return info;
}

Result<Image> decode_png(Bytes bytes, const ImageInfo& info) {
  if (!chunks_fit(bytes)) return damaged(info.format);
  Image image{info.width, info.height, {}};
  image.rgb.resize(static_cast<std::size_t>(info.width) * static_cast<std::size_t>(info.height) *
                   3);
  std::vector<png_bytep> rows(static_cast<std::size_t>(info.height));
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, nullptr, fail, ignore);
  png_infop header = png != nullptr ? png_create_info_struct(png) : nullptr;
  Reader reader{bytes, 0};
  const bool good =
      header != nullptr && decode_into(png, header, &reader, info, image.rgb.data(), rows.data());
  png_destroy_read_struct(&png, &header, nullptr);
  if (!good) return damaged(info.format);
  return image;
}

}  // namespace oc
