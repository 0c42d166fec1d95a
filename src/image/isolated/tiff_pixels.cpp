// Baseline TIFF through libtiff. Runs in the helper.
#include <tiffio.h>

#include <algorithm>
#include <bit>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>

#include "image/isolated/coders.h"
#include "image/isolated/tiff_image.h"

namespace oc {
namespace {

// What libtiff reports goes nowhere; that it does is remembered. Some decoders only warn where
// pixels are missing.
thread_local bool complained = false;
void note_error(const char*, const char*, va_list) { complained = true; }
void note_warning(const char*, const char* format, va_list arguments) {
  char text[256];
  std::vsnprintf(text, sizeof text, format, arguments);
  const std::string_view said = text;
  for (const std::string_view lost : {"Premature", "premature", "Corrupt"})
    complained |= said.find(lost) != std::string_view::npos;
}

// libtiff's view of a file in memory.
struct TiffSource {
  Bytes file;
  std::uint64_t at = 0;
};
TiffSource& source_of(thandle_t handle) { return *static_cast<TiffSource*>(handle); }
tmsize_t read(thandle_t handle, void* to, tmsize_t size) {
  TiffSource& source = source_of(handle);
  if (size < 0 || source.at > source.file.size()) return 0;
  const std::size_t count =
      std::min<std::size_t>(static_cast<std::size_t>(size), source.file.size() - source.at);
  std::memcpy(to, source.file.data() + source.at, count);
  source.at += count;
  return static_cast<tmsize_t>(count);
}
tmsize_t write(thandle_t, void*, tmsize_t) { return 0; }
toff_t seek(thandle_t handle, toff_t offset, int whence) {
  TiffSource& source = source_of(handle);
  const std::uint64_t from = whence == SEEK_CUR   ? source.at
                             : whence == SEEK_END ? source.file.size()
                                                  : 0;
  return source.at = from + offset;
}
int close(thandle_t) { return 0; }
toff_t size_of(thandle_t handle) { return source_of(handle).file.size(); }
int map(thandle_t handle, void** base, toff_t* size) {
  const Bytes file = source_of(handle).file;
  *base = const_cast<std::byte*>(file.data());  // libtiff only reads
  *size = file.size();
  return 1;
}
void unmap(thandle_t, void*, toff_t) {}

struct TiffCloser {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};

// One sample of a packed row, as libtiff gives it: 16 bits in the processor's order.
class PackedRow {
 public:
  PackedRow(const std::uint8_t* bytes, int bits) : bytes_(bytes), bits_(bits) {}
  // As it is stored; of 16 bits the upper 8.
  int value(std::size_t at) const {
    if (bits_ == 8) return bytes_[at];
    if (bits_ == 16) return bytes_[2 * at + (std::endian::native == std::endian::little ? 1 : 0)];
    const auto bits = static_cast<std::size_t>(bits_);
    const std::size_t bit = at * bits;
    return bytes_[bit / 8] >> (8 - bits - bit % 8) & ((1 << bits) - 1);
  }

 private:
  const std::uint8_t* bytes_;
  int bits_;
};

class PixelWriter {
 public:
  PixelWriter(const TiffImage& picture, std::span<std::uint8_t> pixels)
      : picture_(picture),
        pixels_(pixels),
        step_(samples_of(picture.row_samples())),
        scale_(picture.bits < 8 ? 255 / ((1 << picture.bits) - 1) : 1) {}

  // `count` pixels from (x, y) on; of planes that lie apart, one sample of each.
  void put(const std::uint8_t* packed, int plane, int x, int y, int count) {
    const PackedRow row(packed, picture_.bits);
    std::uint8_t* to =
        pixels_.data() + (static_cast<std::size_t>(y) * static_cast<std::size_t>(picture_.width) +
                          static_cast<std::size_t>(x)) *
                             step_;
    const bool apart = picture_.planes_apart;
    const std::size_t stored = apart ? 1 : static_cast<std::size_t>(picture_.samples);
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i, to += step_) {
      if (picture_.colours == TiffImage::Colours::kPalette)
        std::copy_n(picture_.palette.data() + 3 * row.value(i * stored), 3, to);
      else if (apart)
        to[plane] = shown(row.value(i), static_cast<std::size_t>(plane));
      else
        for (std::size_t n = 0; n < step_; ++n) to[n] = shown(row.value(i * stored + n), n);
    }
  }
  // How many of the planes are looked at.
  int planes() const {
    if (!picture_.planes_apart || picture_.colours == TiffImage::Colours::kPalette) return 1;
    return static_cast<int>(step_);
  }
  // All pixels are there: colours that were multiplied by their alpha are divided, as Pillow does.
  void finish() {
    if (!picture_.premultiplied || !picture_.alpha) return;
    for (std::size_t at = 0; at < pixels_.size(); at += step_) {
      const int alpha = pixels_[at + step_ - 1];
      if (alpha == 0 || alpha == 255) continue;
      for (std::size_t n = 0; n + 1 < step_; ++n)
        pixels_[at + n] = static_cast<std::uint8_t>(std::min(255, 255 * pixels_[at + n] / alpha));
    }
  }

 private:
  std::uint8_t shown(int value, std::size_t channel) const {
    using enum TiffImage::Colours;
    const int scaled = value * scale_;
    const bool inverted =
        picture_.colours == kCmyk || (picture_.colours == kWhiteIsZero && channel == 0);
    return static_cast<std::uint8_t>(inverted ? 255 - scaled : scaled);
  }

  const TiffImage& picture_;
  std::span<std::uint8_t> pixels_;
  std::size_t step_;
  int scale_;
};

std::size_t packed_bytes(const TiffImage& picture, int width) {
  const int samples = picture.planes_apart ? 1 : picture.samples;
  return (static_cast<std::size_t>(width) * static_cast<std::size_t>(samples * picture.bits) + 7) /
         8;
}

bool read_strips(TIFF* tiff, const TiffImage& picture, PixelWriter& writer) {
  std::vector<std::uint8_t> row(packed_bytes(picture, picture.width));
  if (TIFFScanlineSize(tiff) != static_cast<tmsize_t>(row.size())) return false;
  for (int plane = 0; plane < writer.planes(); ++plane)
    for (int y = 0; y < picture.height; ++y) {
      if (TIFFReadScanline(tiff, row.data(), static_cast<std::uint32_t>(y),
                           static_cast<std::uint16_t>(plane)) != 1 ||
          complained)
        return false;
      writer.put(row.data(), plane, 0, y, picture.width);
    }
  return true;
}

bool read_tiles(TIFF* tiff, const TiffImage& picture, PixelWriter& writer) {
  const std::size_t stride = packed_bytes(picture, picture.tile_width);
  std::vector<std::uint8_t> tile(stride * static_cast<std::size_t>(picture.tile_height));
  if (TIFFTileSize(tiff) != static_cast<tmsize_t>(tile.size())) return false;
  for (int plane = 0; plane < writer.planes(); ++plane)
    for (int y = 0; y < picture.height; y += picture.tile_height)
      for (int x = 0; x < picture.width; x += picture.tile_width) {
        if (TIFFReadTile(tiff, tile.data(), static_cast<std::uint32_t>(x),
                         static_cast<std::uint32_t>(y), 0,
                         static_cast<std::uint16_t>(plane)) != static_cast<tmsize_t>(tile.size()) ||
            complained)
          return false;
        const int rows = std::min(picture.tile_height, picture.height - y);
        const int columns = std::min(picture.tile_width, picture.width - x);
        for (int i = 0; i < rows; ++i)
          writer.put(tile.data() + stride * static_cast<std::size_t>(i), plane, x, y + i, columns);
      }
  return true;
}

}  // namespace

HelperStatus decode_tiff_pixels(const PixelRequest& request, Bytes file,
                                std::span<std::uint8_t> pixels) {
  const auto picture = read_tiff(file);
  if (!picture.ok() || picture->width != request.width || picture->height != request.height ||
      picture->row_samples() != request.samples)
    return HelperStatus::kDamaged;
  TIFFSetErrorHandler(note_error);
  TIFFSetWarningHandler(note_warning);
  TiffSource source{file};
  // In the program's memory, without strips being made smaller than they are.
  const std::unique_ptr<TIFF, TiffCloser> tiff(
      TIFFClientOpen("", "r", &source, read, write, seek, close, size_of, map, unmap));
  if (tiff == nullptr) return HelperStatus::kDamaged;
  if (TIFFIsTiled(tiff.get()) != (picture->tile_width > 0 ? 1 : 0)) return HelperStatus::kDamaged;
  if (picture->colours == TiffImage::Colours::kYcbcr)
    TIFFSetField(tiff.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
  complained = false;  // of tags that are not needed
  PixelWriter writer(*picture, pixels);
  const bool done = picture->tile_width > 0 ? read_tiles(tiff.get(), *picture, writer)
                                            : read_strips(tiff.get(), *picture, writer);
  if (!done) return HelperStatus::kDamaged;
  writer.finish();
  return HelperStatus::kDone;
}

}  // namespace oc
