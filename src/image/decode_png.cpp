#include <png.h>

#include <csetjmp>
#include <cstdlib>
#include <cstring>

#include "image/decoders.h"

namespace oc {
namespace {

constexpr std::size_t kSignature = 8,
                      kChunkFrame = 12;  // length, type and CRC around a chunk's data
// Behind the last pixel come a checksum and the chunk's own. Some programs leave a few bytes more;
// what could be inflated out of many is nobody's pixels.
constexpr std::size_t kMaxBytesAfterPixels = 16u << 10;

struct PngReader {
  const Decoding* task;
  bool interlaced = false;
  std::size_t at = 0;
  std::size_t bytes_after_pixels = 0;
  Outcome outcome = Outcome::kDamaged;  // where it leaves by longjmp
};

[[noreturn]] void leave(png_structp png, Outcome outcome) {
  static_cast<PngReader*>(png_get_io_ptr(png))->outcome = outcome;
  png_longjmp(png, 1);
}
[[noreturn]] void fail(png_structp png, png_const_charp) { png_longjmp(png, 1); }
void ignore(png_structp, png_const_charp) {}

bool all_pixels_read(png_structp png, const PngReader& reader) {
  constexpr png_byte kPasses = 7;
  return reader.interlaced ? png_get_current_pass_number(png) >= kPasses
                           : png_get_current_row_number(png) ==
                                 static_cast<png_uint_32>(reader.task->info.height);
}

void read(png_structp png, png_bytep out, std::size_t count) {
  auto& reader = *static_cast<PngReader*>(png_get_io_ptr(png));
  const Bytes bytes = reader.task->bytes;
  if (reader.task->interrupt.stop()) leave(png, Outcome::kStopped);
  if (all_pixels_read(png, reader)) reader.bytes_after_pixels += count;
  if (reader.bytes_after_pixels > kMaxBytesAfterPixels) leave(png, Outcome::kDone);
  if (bytes.size() - reader.at < count) leave(png, Outcome::kDamaged);
  std::memcpy(out, bytes.data() + reader.at, count);
  reader.at += count;
}

png_voidp allocate(png_structp png, png_alloc_size_t size) {
  void* memory = std::malloc(size);
  if (memory == nullptr)
    static_cast<PngReader*>(png_get_mem_ptr(png))->outcome = Outcome::kOutOfMemory;
  return memory;
}
void release(png_structp, png_voidp memory) { std::free(memory); }

// Whether every chunk up to the pixels lies within the file.
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
Outcome decode_into(png_structp png, png_infop header, PngReader* reader, std::uint8_t* rgb) {
  const ImageInfo& info = reader->task->info;
  if (setjmp(png_jmpbuf(png)) != 0) return reader->outcome;
  png_set_read_fn(png, reader, read);
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);  // sizes were checked by the caller
  png_set_chunk_malloc_max(png, 0);                  // nothing is kept of any chunk, however long
  // Text, profiles and the like are stepped over, not inflated: all but what the pixels need.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_read_info(png, header);
  if (png_get_image_width(png, header) != static_cast<png_uint_32>(info.width) ||
      png_get_image_height(png, header) != static_cast<png_uint_32>(info.height))
    return Outcome::kDamaged;
  const int type = png_get_color_type(png, header);
  if (png_get_bit_depth(png, header) == 16) png_set_strip_16(png);  // the high byte
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
  if ((type & PNG_COLOR_MASK_COLOR) == 0) png_set_gray_to_rgb(png);
  png_set_strip_alpha(png);
  const int passes = png_set_interlace_handling(png);
  reader->interlaced = passes > 1;
  png_read_update_info(png, header);
  const auto stride = static_cast<std::size_t>(info.width) * 3;
  if (png_get_rowbytes(png, header) != stride) return Outcome::kDamaged;
  for (int pass = 0; pass < passes; ++pass)
    for (int y = 0; y < info.height; ++y) {
      if (reader->task->interrupt.stop()) return Outcome::kStopped;
      png_read_row(png, rgb + static_cast<std::size_t>(y) * stride, nullptr);
    }
  return Outcome::kDone;
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
  // Two rows of the widest kind, RGBA of 16 bits; zlib's window and libpng's own.
  constexpr std::size_t kWidestPixel = 8, kOther = 128u << 10;
  info.working_bytes = (std::size_t{*width} + 64) * kWidestPixel * 2 + kOther;
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

Result<Image> decode_png(const Decoding& task) {
  if (!chunks_fit(task.bytes)) return damaged(task.info.format);
  Image image{task.info.width, task.info.height, {}};
  image.rgb.resize(rgb_bytes(task.info));
  PngReader reader{.task = &task};
  png_structp png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, nullptr, fail, ignore, &reader,
                                             allocate, release);
  png_infop header = png != nullptr ? png_create_info_struct(png) : nullptr;
  const Outcome outcome = header != nullptr ? decode_into(png, header, &reader, image.rgb.data())
                                            : Outcome::kOutOfMemory;
  png_destroy_read_struct(&png, &header, nullptr);
  if (outcome != Outcome::kDone) return failure(outcome, task);
  return image;
}

}  // namespace oc
