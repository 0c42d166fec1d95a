// GIF: the first frame, through giflib.
#include <gif_lib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "image/decoders.h"
#include "image/rows.h"

namespace oc {
namespace {

constexpr std::size_t kHead = 13;  // signature, size of the screen, its colours
constexpr int kNoColour = -1;
// giflib's tables of LZW codes, its buffers and colour maps.
constexpr std::size_t kGiflibBytes = 160u << 10;

// What is known of the first frame before it is decoded.
struct GifFrame {
  int x = 0, y = 0, width = 0, height = 0;
  int transparent = kNoColour;
  bool found = false;
  bool another = false;  // follows
};

std::uint32_t byte_at(Bytes file, std::size_t at) {
  return read_uint(file, at, 1, true).value_or(0);
}
int short_at(Bytes file, std::size_t at) {
  return static_cast<int>(read_uint(file, at, 2, true).value_or(0));
}
// Of a table of colours, by the byte that announces it.
std::size_t table_bytes(std::uint32_t flags) {
  return (flags & 0x80) != 0 ? std::size_t{3} << ((flags & 7) + 1) : 0;
}
// Behind blocks of data, each with its length in front, and an empty one.
std::size_t behind_blocks(Bytes file, std::size_t at) {
  while (at < file.size()) {
    const std::uint32_t length = byte_at(file, at);
    at += 1 + length;
    if (length == 0) break;
  }
  return at;
}

GifFrame first_frame(Bytes file) {
  constexpr std::uint32_t kExtension = 0x21, kImage = 0x2c, kControl = 0xf9;
  GifFrame frame;
  std::size_t at = kHead + table_bytes(byte_at(file, 10));
  while (at < file.size()) {
    const std::uint32_t kind = byte_at(file, at);
    if (kind == kExtension) {
      if (byte_at(file, at + 1) == kControl && !frame.found)
        frame.transparent =
            (byte_at(file, at + 3) & 1) != 0 ? static_cast<int>(byte_at(file, at + 6)) : kNoColour;
      at = behind_blocks(file, at + 2);
    } else if (kind == kImage) {
      if (frame.found) {
        frame.another = true;
        break;
      }
      frame.found = true;
      frame.x = short_at(file, at + 1);
      frame.y = short_at(file, at + 3);
      frame.width = short_at(file, at + 5);
      frame.height = short_at(file, at + 7);
      at = behind_blocks(file, at + 11 + table_bytes(byte_at(file, at + 9)));
    } else {
      break;
    }
  }
  return frame;
}

bool covers(const GifFrame& frame, const ImageInfo& info) {
  return frame.width == info.width && frame.height == info.height;
}

struct GifSource {
  Bytes file;
  std::size_t at = 0;
};
int read(GifFileType* gif, GifByteType* out, int count) {
  auto& source = *static_cast<GifSource*>(gif->UserData);
  const std::size_t size =
      std::min(static_cast<std::size_t>(count), source.file.size() - source.at);
  std::memcpy(out, source.file.data() + source.at, size);
  source.at += size;
  return static_cast<int>(size);
}
struct GifCloser {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};
using Gif = std::unique_ptr<GifFileType, GifCloser>;

// Deep inside giflib has other names for missing memory, too.
Outcome outcome_of(int error) {
  return error == D_GIF_ERR_NOT_ENOUGH_MEM || errno == ENOMEM ? Outcome::kOutOfMemory
                                                              : Outcome::kDamaged;
}

// Goes on to the first frame.
Outcome find_frame(GifFileType& gif) {
  for (;;) {
    GifRecordType kind = UNDEFINED_RECORD_TYPE;
    if (DGifGetRecordType(&gif, &kind) != GIF_OK) return outcome_of(gif.Error);
    if (kind == IMAGE_DESC_RECORD_TYPE)
      return DGifGetImageDesc(&gif) == GIF_OK ? Outcome::kDone : outcome_of(gif.Error);
    if (kind != EXTENSION_RECORD_TYPE) return Outcome::kDamaged;
    int code = 0;
    GifByteType* block = nullptr;
    if (DGifGetExtension(&gif, &code, &block) != GIF_OK) return outcome_of(gif.Error);
    while (block != nullptr)
      if (DGifGetExtensionNext(&gif, &block) != GIF_OK) return outcome_of(gif.Error);
  }
}

// The frame's colours by number, [height, width]. Interlaced: every eighth row first, then those
// between.
Outcome decode_into(GifFileType& gif, const Decoding& task, std::vector<std::uint8_t>& indices) {
  const int width = gif.Image.Width, height = gif.Image.Height;
  constexpr int kFirst[] = {0, 4, 2, 1}, kStep[] = {8, 8, 4, 2};
  const bool interlaced = gif.Image.Interlace;
  for (int pass = 0; pass < (interlaced ? 4 : 1); ++pass)
    for (int y = interlaced ? kFirst[pass] : 0; y < height; y += interlaced ? kStep[pass] : 1) {
      if (task.interrupt.stop()) return Outcome::kStopped;
      GifPixelType* row =
          indices.data() + static_cast<std::size_t>(y) * static_cast<std::size_t>(width);
      if (DGifGetLine(&gif, row, width) != GIF_OK) return outcome_of(gif.Error);
    }
  return Outcome::kDone;
}

// Of each number, red, green, blue and alpha. Without a table numbers are greys, as Pillow has it.
std::vector<std::uint8_t> colours_of(const GifFileType& gif, const GifFrame& frame) {
  const ColorMapObject* map = gif.Image.ColorMap != nullptr ? gif.Image.ColorMap : gif.SColorMap;
  std::vector<std::uint8_t> out;
  for (int i = 0; i < 256; ++i) {
    GifColorType colour{};
    if (map == nullptr)
      colour.Red = colour.Green = colour.Blue = static_cast<GifByteType>(i);
    else if (i < map->ColorCount)
      colour = map->Colors[i];
    const std::uint8_t alpha = i == frame.transparent ? 0 : 255;
    out.insert(out.end(), {colour.Red, colour.Green, colour.Blue, alpha});
  }
  return out;
}

}  // namespace

Result<ImageInfo> probe_gif(Bytes bytes) {
  ImageInfo info{.format = ImageFormat::kGif};
  const GifFrame frame = first_frame(bytes);
  if (!frame.found || frame.width == 0 || frame.height == 0) return damaged(info.format);
  // A frame that is larger than its screen makes it larger.
  info.width = std::max(short_at(bytes, 6), frame.x + frame.width);
  info.height = std::max(short_at(bytes, 8), frame.y + frame.height);
  info.channels = frame.transparent != kNoColour || !covers(frame, info) ? 4 : 3;
  info.animated = frame.another;
  info.working_bytes =
      kGiflibBytes + RowWriter::bytes(info) +
      static_cast<std::size_t>(frame.width) * static_cast<std::size_t>(frame.height);
  return info;
}

Result<Image> decode_gif(const Decoding& task) {
  const GifFrame frame = first_frame(task.bytes);
  GifSource source{task.bytes};
  int error = 0;
  errno = 0;
  const Gif gif(DGifOpen(&source, read, &error));
  if (gif == nullptr) return failure(outcome_of(error), task);
  if (const Outcome found = find_frame(*gif); found != Outcome::kDone) return failure(found, task);
  if (gif->Image.Width != frame.width || gif->Image.Height != frame.height)
    return damaged(task.info.format);
  std::vector<std::uint8_t> indices(static_cast<std::size_t>(frame.width) *
                                    static_cast<std::size_t>(frame.height));
  if (const Outcome outcome = decode_into(*gif, task, indices); outcome != Outcome::kDone)
    return failure(outcome, task);

  const std::vector<std::uint8_t> colours = colours_of(*gif, frame);
  const bool alpha = task.info.channels == 4 && task.reading.background.has_value();
  const Samples samples = alpha ? Samples::kRgba : Samples::kRgb;
  const std::size_t step = samples_of(samples);
  RowWriter rows(task.info, samples, task.reading, nullptr);
  for (int y = 0; y < task.info.height; ++y) {
    if (task.interrupt.stop()) return failure(Outcome::kStopped, task);
    std::uint8_t* const row = rows.row();
    const bool inside = y >= frame.y && y < frame.y + frame.height;
    if (!inside || frame.width != task.info.width)  // nothing is there, and it can be seen through
      std::fill_n(row, static_cast<std::size_t>(task.info.width) * step, std::uint8_t{0});
    if (inside) {
      const std::uint8_t* from = indices.data() + static_cast<std::size_t>(y - frame.y) *
                                                      static_cast<std::size_t>(frame.width);
      std::uint8_t* to = row + static_cast<std::size_t>(frame.x) * step;
      for (int x = 0; x < frame.width; ++x, to += step)
        std::copy_n(colours.data() + std::size_t{4} * from[x], step, to);
    }
    rows.done();
  }
  return rows.take();
}

}  // namespace oc
