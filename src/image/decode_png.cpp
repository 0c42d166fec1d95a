#include <png.h>
#include <zlib.h>

#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <new>

#include "image/colours.h"
#include "image/decoders.h"
#include "image/rows.h"

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

// Calls see(name, data) for each chunk that lies within the file, until it says that it is enough.
// Whether they all do, up to there or to the pixels.
template <class See>
bool for_chunks(Bytes bytes, const See& see) {
  for (std::size_t at = kSignature;;) {
    const auto length = read_uint(bytes, at, 4, false);
    if (!length || bytes.size() - at < kChunkFrame || bytes.size() - at - kChunkFrame < *length)
      return false;
    if (see(bytes.subspan(at + 4, 4), bytes.subspan(at + 8, *length))) return true;
    at += kChunkFrame + *length;
  }
}

// Whether every chunk up to the pixels lies within the file. Of the pixels' own, what is there is
// read.
bool chunks_fit(Bytes bytes) {
  for (std::size_t at = kSignature;;) {
    const auto length = read_uint(bytes, at, 4, false);
    if (!length) return false;
    if (starts_with(bytes, "IDAT", at + 4) || starts_with(bytes, "IEND", at + 4)) return true;
    if (bytes.size() - at < kChunkFrame || bytes.size() - at - kChunkFrame < *length) return false;
    at += kChunkFrame + *length;
  }
}

// As decoded, and what a row of it has.
Samples samples_of_info(const ImageInfo& info, const ImageReading& reading) {
  const bool alpha = reading.background && info.channels % 2 == 0;
  if (info.channels <= 2) return alpha ? Samples::kGreyAlpha : Samples::kGrey;
  return alpha ? Samples::kRgba : Samples::kRgb;
}

// No object with a destructor may live here or below: errors leave by longjmp.
// Interlaced rows come in passes, all of them into `whole`; the others go to `rows` at once.
Outcome decode_into(png_structp png, png_infop header, PngReader* reader, Samples samples,
                    RowWriter& rows, std::vector<std::uint8_t>& whole) {
  const ImageInfo& info = reader->task->info;
  if (setjmp(png_jmpbuf(png)) != 0) return reader->outcome;
  png_set_read_fn(png, reader, read);
  png_set_user_limits(png, 0x7fffffff, 0x7fffffff);  // sizes were checked by the caller
  png_set_chunk_malloc_max(png, 0);                  // nothing is kept of any chunk, however long
  // Text, profiles and the like are stepped over, not inflated: all but what the pixels need.
  png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  // Some programs announce a smaller window than they use; browsers do not mind.
  png_set_option(png, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
  png_read_info(png, header);
  if (png_get_image_width(png, header) != static_cast<png_uint_32>(info.width) ||
      png_get_image_height(png, header) != static_cast<png_uint_32>(info.height))
    return Outcome::kDamaged;
  const int type = png_get_color_type(png, header);
  if (png_get_bit_depth(png, header) == 16) png_set_strip_16(png);  // the high byte
  if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
  if (!has_alpha(samples)) {
    png_set_strip_alpha(png);
  } else if (png_get_valid(png, header, PNG_INFO_tRNS) != 0) {
    png_set_tRNS_to_alpha(png);
  } else if ((type & PNG_COLOR_MASK_ALPHA) == 0) {  // libpng did not accept what it has
    png_set_add_alpha(png, 0xff, PNG_FILLER_AFTER);
  }
  const int passes = png_set_interlace_handling(png);
  reader->interlaced = passes > 1;
  png_read_update_info(png, header);
  const std::size_t stride = static_cast<std::size_t>(info.width) * samples_of(samples);
  if (png_get_rowbytes(png, header) != stride) return Outcome::kDamaged;
  for (int pass = 0; pass < passes; ++pass)
    for (int y = 0; y < info.height; ++y) {
      if (reader->task->interrupt.stop()) return Outcome::kStopped;
      std::uint8_t* const row =
          whole.empty() ? rows.row() : whole.data() + static_cast<std::size_t>(y) * stride;
      png_read_row(png, row, nullptr);
      if (whole.empty()) rows.done();
    }
  return Outcome::kDone;
}

struct OpenPng {
  explicit OpenPng(PngReader& reader)
      : png(png_create_read_struct_2(PNG_LIBPNG_VER_STRING, nullptr, fail, ignore, &reader,
                                     allocate, release)),
        header(png != nullptr ? png_create_info_struct(png) : nullptr) {}
  ~OpenPng() { png_destroy_read_struct(&png, &header, nullptr); }
  png_structp png;
  png_infop header;
};

// An ICC profile in a zlib stream. Its own head says how long it is: no more than that, nor of what
// is no profile, is inflated. Empty: it is none, or too long.
std::vector<std::byte> inflated_profile(Bytes packed) {
  constexpr std::size_t kHead = 128, kMagicAt = 36;
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) throw std::bad_alloc();
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::vector<std::byte> out(kHead);
  const auto fill = [&](std::size_t from) {
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + from);
    stream.avail_out = static_cast<uInt>(out.size() - from);
    const int status = inflate(&stream, Z_SYNC_FLUSH);
    if (status == Z_MEM_ERROR) {
      inflateEnd(&stream);
      throw std::bad_alloc();
    }
    return (status == Z_OK || status == Z_STREAM_END) && stream.avail_out == 0;
  };
  const bool head = fill(0);
  const std::size_t size = read_uint(out, 0, 4, false).value_or(0);
  bool whole =
      head && starts_with(out, "acsp", kMagicAt) && size > kHead && size <= kMaxProfileBytes;
  if (whole) {
    out.resize(size);
    whole = fill(kHead);
  }
  inflateEnd(&stream);
  if (!whole) out.clear();
  return out;
}

}  // namespace

Result<ImageInfo> probe_png(Bytes bytes) {
  ImageInfo info{.format = ImageFormat::kPng};
  const auto width = read_uint(bytes, 16, 4, false), height = read_uint(bytes, 20, 4, false);
  if (starts_with(bytes, "CgBI", 12))
    return Error{ErrorCode::kUnsupported,
                 "the picture is a PNG in Apple's own variant (CgBI), as apps for iPhones hold it",
                 "open it on a Mac or an iPhone and export it, or send it as JPEG"};
  if (!starts_with(bytes, "IHDR", 12) || !width || !height || *width > 0x7fffffff ||
      *height > 0x7fffffff)
    return damaged(info.format);
  info.width = static_cast<int>(*width);
  info.height = static_cast<int>(*height);
  const std::uint32_t type = read_uint(bytes, 25, 1, false).value_or(0);
  bool alpha = (type & PNG_COLOR_MASK_ALPHA) != 0, pixels_seen = false;
  std::size_t profile_bytes = 0;
  for_chunks(bytes, [&](Bytes name, Bytes data) {
    pixels_seen |= starts_with(name, "IDAT");
    if (!pixels_seen && starts_with(name, "tRNS")) alpha = true;
    if (!pixels_seen && starts_with(name, "acTL")) info.animated = true;
    if (!pixels_seen && starts_with(name, "iCCP")) profile_bytes = kMaxProfileBytes;
    if (!starts_with(name, "eXIf")) return false;  // it may stand in front of the pixels or behind
    info.exif_orientation = exif_orientation(data);
    return true;
  });
  info.channels = ((type & PNG_COLOR_MASK_COLOR) != 0 ? 3 : 1) + (alpha ? 1 : 0);
  // Filters work on bytes as they are stored.
  constexpr double kNsPerByte = 5.5;
  const std::uint32_t bits = read_uint(bytes, 24, 1, false).value_or(8);
  const int samples = (type & PNG_COLOR_MASK_PALETTE) != 0 ? 1 : info.channels;
  info.decode_ns = kNsPerByte * samples * std::max(bits, 8u) / 8 * *width * *height;
  // Two rows of the widest kind, RGBA of 16 bits; zlib's window and libpng's own.
  constexpr std::size_t kWidestPixel = 8, kOther = 128u << 10;
  info.working_bytes = (std::size_t{*width} + 64) * kWidestPixel * 2 + kOther +
                       RowWriter::bytes(info) + conversion_bytes(profile_bytes);
  const bool interlaced = read_uint(bytes, 28, 1, false).value_or(0) != 0;
  if (interlaced && (info.channels != 3 || info.exif_orientation != 1 || profile_bytes > 0))
    info.working_bytes += std::size_t{*width} * *height * static_cast<std::size_t>(info.channels);
  return info;
}

std::vector<std::byte> profile_of_png(Bytes bytes) {
  std::vector<std::byte> profile;
  for_chunks(bytes, [&](Bytes name, Bytes data) {
    if (starts_with(name, "iCCP")) {  // a name, 0, the method of packing
      std::size_t at = 0;
      while (at < data.size() && at < 80 && data[at] != std::byte{0}) ++at;
      if (at + 2 < data.size() && data[at] == std::byte{0} && data[at + 1] == std::byte{0})
        profile = inflated_profile(data.subspan(at + 2));
      return true;
    }
    return starts_with(name, "IDAT");
  });
  return profile;
}

Result<Image> decode_png(const Decoding& task) {
  if (!chunks_fit(task.bytes)) return damaged(task.info.format);
  const Samples samples = samples_of_info(task.info, task.reading);
  std::string note;
  const auto conversion = conversion_for(task, profile_of_png(task.bytes), samples, note);
  RowWriter rows(task.info, samples, task.reading, conversion.get());
  std::vector<std::uint8_t> whole;
  const std::size_t stride = static_cast<std::size_t>(task.info.width) * samples_of(samples);
  const bool interlaced = read_uint(task.bytes, 28, 1, false).value_or(0) != 0;
  if (interlaced) whole.resize(stride * static_cast<std::size_t>(task.info.height));
  PngReader reader{.task = &task};
  const OpenPng opened(reader);
  if (opened.header == nullptr) return failure(Outcome::kOutOfMemory, task);
  const Outcome outcome = decode_into(opened.png, opened.header, &reader, samples, rows, whole);
  if (outcome != Outcome::kDone) return failure(outcome, task);
  Image image = interlaced ? rows.from_whole(std::move(whole), task.interrupt) : rows.take();
  image.note = std::move(note);
  return image;
}

}  // namespace oc
