// BMP, of Windows and OS/2: read here, as no library does that every system has. Pixels as
// Pillow's. (Microsoft: BITMAPINFOHEADER to BITMAPV5HEADER; Pillow: BmpImagePlugin.py)
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "image/decoders.h"
#include "image/rows.h"

namespace oc {
namespace {

constexpr std::size_t kFileHead = 14;

enum Compression : std::uint32_t { kPlain = 0, kRle8 = 1, kRle4 = 2, kMasks = 3, kAlphaMasks = 6 };

struct Header {
  int width = 0, height = 0;
  bool top_down = false;
  std::uint32_t bits = 0;  // of a pixel
  std::uint32_t compression = kPlain;
  std::size_t pixels_at = 0;
  std::size_t palette_at = 0, palette_size = 0, palette_entry = 4;
  std::array<std::uint32_t, 4> masks{};  // red, green, blue, alpha

  bool packed() const { return compression == kRle8 || compression == kRle4; }
  std::size_t stride() const {  // of a stored row
    return (static_cast<std::size_t>(width) * bits + 31) / 32 * 4;
  }
};

std::uint32_t number(Bytes file, std::size_t at, int bytes = 4) {
  return read_uint(file, at, bytes, true).value_or(0);
}

Error unsupported(std::string_view kind) {
  return {ErrorCode::kUnsupported, fmt::format("the BMP picture {}, which is not supported", kind),
          "save it as an ordinary BMP, JPEG or PNG"};
}

// What few programs have ever written, by name; empty: it is none of that.
std::string_view kind_left_out(const Header& header, bool os2) {
  if (header.compression == kMasks && header.bits == 1) return "is packed as faxes are (Huffman)";
  if (header.compression == 4)
    return os2 ? "is packed in runs of 24-bit pixels (RLE24)" : "has a JPEG file in it";
  if (header.compression == 5) return "has a PNG file in it";
  if (header.compression >= 11 && header.compression <= 13) return "is in CMYK";
  if (header.bits == 2) return "has 2 bits a pixel";
  return {};
}

Result<Header> read_header(Bytes file) {
  constexpr std::size_t kCore = 12, kShortest = 16, kInfo = 40, kWithAlphaMask = 56, kOs2 = 64;
  const Error broken = damaged(ImageFormat::kBmp);
  const std::size_t size = number(file, kFileHead);
  if (file.size() < kFileHead + size) return broken;
  // OS/2's second header may end behind any of its fields; those that are missing are 0.
  const auto field = [&](std::size_t at, int bytes = 4) {
    const bool there = at + static_cast<std::size_t>(bytes) <= kFileHead + size;
    return there ? number(file, at, bytes) : 0;
  };
  Header header;
  header.pixels_at = number(file, 10);
  if (size == kCore) {
    header.width = static_cast<int>(field(18, 2));
    header.height = static_cast<int>(field(20, 2));
    header.bits = field(24, 2);
    header.palette_entry = 3;
  } else if (size >= kShortest) {
    const auto width = std::bit_cast<std::int32_t>(field(18)),
               height = std::bit_cast<std::int32_t>(field(22));
    if (width < 0 || height == INT32_MIN) return broken;
    header.width = width;
    header.height = height < 0 ? -height : height;
    header.top_down = height < 0;
    header.bits = field(28, 2);
    header.compression = field(30);
    header.palette_size = field(46);
  } else {
    return broken;
  }
  const bool os2 = size < kInfo || size == kOs2;
  if (const auto kind = kind_left_out(header, os2); !kind.empty()) return unsupported(kind);
  const bool masks = header.compression == kMasks || header.compression == kAlphaMasks;
  header.palette_at = kFileHead + size;
  if (masks) {
    // In the header, or behind one that has no room for them.
    const bool with_alpha =
        header.compression == kAlphaMasks || (size >= kWithAlphaMask && size != kOs2);
    for (std::size_t i = 0; i < (with_alpha ? 4 : 3); ++i)
      header.masks[i] = number(file, kFileHead + kInfo + 4 * i);
  } else if (header.bits == 16) {
    header.masks = {0x7c00, 0x03e0, 0x001f, 0};
  } else if (header.bits == 32) {
    header.masks = {0xff0000, 0xff00, 0xff, 0};
  }
  const bool indexed = header.bits == 1 || header.bits == 4 || header.bits == 8;
  const bool known = header.compression == kPlain ||
                     (header.compression == kRle8 && header.bits == 8) ||
                     (header.compression == kRle4 && header.bits == 4) ||
                     (masks && (header.bits == 16 || header.bits == 32));
  if (!known || !(indexed || header.bits == 16 || header.bits == 24 || header.bits == 32))
    return broken;
  if (indexed && (header.palette_size == 0 || header.palette_size > std::size_t{1} << header.bits))
    header.palette_size = std::size_t{1} << header.bits;
  return header;
}

// Whether no pixel has any alpha: programs that know none leave 0 in its place.
bool is_alpha_unused(Bytes pixels, const Header& header) {
  const std::size_t bytes = header.bits / 8;
  for (std::size_t y = 0; y < static_cast<std::size_t>(header.height); ++y)
    for (std::size_t x = 0; x < static_cast<std::size_t>(header.width); ++x) {
      const std::size_t at = y * header.stride() + x * bytes;
      if ((number(pixels, at, static_cast<int>(bytes)) & header.masks[3]) != 0) return false;
    }
  return true;
}

// One of a pixel's channels, 0..255.
class Channel {
 public:
  explicit Channel(std::uint32_t mask)
      : shift_(mask == 0 ? 0 : std::countr_zero(mask)), largest_(mask == 0 ? 0 : mask >> shift_) {}
  std::uint8_t of(std::uint32_t pixel) const {
    if (largest_ == 0) return 0;
    return static_cast<std::uint8_t>(std::uint64_t{pixel >> shift_ & largest_} * 255 / largest_);
  }

 private:
  int shift_;
  std::uint32_t largest_;
};

// Runs and single pixels, row by row from the last; what is skipped has colour 0.
Outcome unpack(Bytes packed, const Header& header, const Decoding& task,
               std::vector<std::uint8_t>& indices) {
  const auto width = static_cast<std::size_t>(header.width);
  std::size_t at = 0, x = 0, row = 0;
  const auto next = [&] { return number(packed, at++, 1); };
  const auto put = [&](std::uint32_t index) {
    if (x < width) indices[row * width + x++] = static_cast<std::uint8_t>(index);
  };
  const auto index_of = [&](std::uint32_t byte, std::uint32_t i) {
    return header.compression == kRle8 ? byte : i % 2 == 0 ? byte >> 4 : byte & 15;
  };
  while (row < static_cast<std::size_t>(header.height)) {
    if (at + 1 >= packed.size()) return Outcome::kDamaged;
    const std::uint32_t count = next(), value = next();
    if (count > 0) {
      for (std::uint32_t i = 0; i < count; ++i) put(index_of(value, i));
    } else if (value == 0) {  // the end of a row
      if (task.interrupt.stop()) return Outcome::kStopped;
      x = 0;
      ++row;
    } else if (value == 1) {  // the end
      return Outcome::kDone;
    } else if (value == 2) {  // to the right and up
      x = std::min(width, x + next());
      row += next();
    } else {
      const std::size_t bytes = header.compression == kRle8 ? value : (value + 1) / 2;
      if (packed.size() - at < bytes) return Outcome::kDamaged;
      for (std::uint32_t i = 0; i < value; ++i)
        put(index_of(number(packed, at + (header.compression == kRle8 ? i : i / 2), 1), i));
      at += bytes + bytes % 2;
    }
  }
  return Outcome::kDone;
}

struct Colour {
  std::uint8_t red = 0, green = 0, blue = 0;
};
std::vector<Colour> palette_of(Bytes file, const Header& header) {
  std::vector<Colour> out(256);
  for (std::size_t i = 0; i < std::min<std::size_t>(header.palette_size, out.size()); ++i) {
    const std::size_t at = header.palette_at + i * header.palette_entry;
    const auto part = [&](std::size_t offset) {
      return static_cast<std::uint8_t>(number(file, at + offset, 1));
    };
    out[i] = {part(2), part(1), part(0)};
  }
  return out;
}

// One stored row as RGB or RGBA.
class RowReader {
 public:
  RowReader(Bytes file, const Header& header, Samples samples)
      : header_(header),
        palette_(palette_of(file, header)),
        red_(header.masks[0]),
        green_(header.masks[1]),
        blue_(header.masks[2]),
        alpha_(header.masks[3]),
        step_(samples_of(samples)) {}

  void indexed(const std::uint8_t* from, std::uint8_t* to) const {
    for (int x = 0; x < header_.width; ++x, to += step_) put(palette_[from[x]], to);
  }
  void plain(Bytes from, std::uint8_t* to) const {
    const std::uint32_t bits = header_.bits;
    for (int x = 0; x < header_.width; ++x, to += step_) {
      const auto column = static_cast<std::size_t>(x);
      if (bits <= 8) {
        const std::uint32_t byte = number(from, column * bits / 8, 1);
        const auto shift = 8 - bits - static_cast<std::uint32_t>(column * bits % 8);
        put(palette_[byte >> shift & ((1u << bits) - 1)], to);
      } else if (bits == 24) {
        for (std::size_t i = 0; i < 3; ++i)
          to[i] = static_cast<std::uint8_t>(from[column * 3 + 2 - i]);
      } else {
        const std::uint32_t pixel = number(from, column * bits / 8, static_cast<int>(bits / 8));
        put({red_.of(pixel), green_.of(pixel), blue_.of(pixel)}, to);
        if (step_ == 4) to[3] = alpha_.of(pixel);
      }
    }
  }

 private:
  static void put(const Colour& colour, std::uint8_t* to) {
    to[0] = colour.red;
    to[1] = colour.green;
    to[2] = colour.blue;
  }

  const Header& header_;
  std::vector<Colour> palette_;
  Channel red_, green_, blue_, alpha_;
  std::size_t step_;
};

}  // namespace

Result<ImageInfo> probe_bmp(Bytes bytes) {
  ImageInfo info{.format = ImageFormat::kBmp};
  const auto header = read_header(bytes);
  if (!header.ok()) return header.error();
  info.width = header->width;
  info.height = header->height;
  info.channels = header->masks[3] != 0 ? 4 : 3;
  info.working_bytes = RowWriter::bytes(info) + 4096;
  if (header->packed())
    info.working_bytes +=
        static_cast<std::size_t>(info.width) * static_cast<std::size_t>(info.height);
  return info;
}

Result<Image> decode_bmp(const Decoding& task) {
  const auto header = read_header(task.bytes);
  if (!header.ok()) return header.error();
  if (header->pixels_at > task.bytes.size()) return damaged(task.info.format);
  const Bytes pixels = task.bytes.subspan(header->pixels_at);
  const auto height = static_cast<std::size_t>(header->height), stride = header->stride();
  // The last row need not be filled up.
  const std::size_t last = (static_cast<std::size_t>(header->width) * header->bits + 7) / 8;
  if (!header->packed() && pixels.size() < stride * (height - 1) + last)
    return damaged(task.info.format);
  std::vector<std::uint8_t> indices;
  if (header->packed()) {
    indices.resize(static_cast<std::size_t>(header->width) * height);
    if (const Outcome outcome = unpack(pixels, *header, task, indices); outcome != Outcome::kDone)
      return failure(outcome, task);
  }
  const bool alpha = task.info.channels == 4 && task.reading.background.has_value() &&
                     !is_alpha_unused(pixels, *header);
  const Samples samples = alpha ? Samples::kRgba : Samples::kRgb;
  const RowReader reader(task.bytes, *header, samples);
  RowWriter rows(task.info, samples, task.reading, nullptr);
  for (std::size_t y = 0; y < height; ++y) {
    if (task.interrupt.stop()) return failure(Outcome::kStopped, task);
    const std::size_t stored = header->top_down ? y : height - 1 - y;
    if (header->packed())
      reader.indexed(indices.data() + stored * static_cast<std::size_t>(header->width), rows.row());
    else
      reader.plain(pixels.subspan(stored * stride), rows.row());
    rows.done();
  }
  return rows.take();
}

}  // namespace oc
