// What libwebp takes beside the pixels that it gives. A lossless picture may bring up to 65,536
// groups of Huffman codes, 12 to 20 KB each once they are tables, in 2.5 bytes of file each: so
// they are counted, as far into the stream as that needs. (WebP Lossless Bitstream Specification
// §3 to §6; libwebp: vp8l_dec.c)
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "image/decoders.h"

namespace oc {
namespace {

class Bits {
 public:
  explicit Bits(Bytes bytes) : bytes_(bytes) {}

  // The next ones, the lowest first; zeros past the end.
  std::uint32_t take(int count) {
    std::uint32_t value = 0;
    for (int i = 0; i < count; ++i, ++at_)
      if (at_ / 8 < bytes_.size())
        value |= (static_cast<std::uint32_t>(bytes_[at_ / 8]) >> (at_ % 8) & 1u) << i;
    return value;
  }
  bool at_end() const { return at_ > bytes_.size() * 8; }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;
};

// A canonical Huffman code, read bit by bit.
class Code {
 public:
  explicit Code(const std::vector<std::uint8_t>& lengths) {
    for (const std::uint8_t length : lengths) ++count_[length];
    std::array<std::size_t, kLongest + 2> next{};
    for (std::size_t i = 1; i <= kLongest; ++i) next[i + 1] = next[i] + count_[i];
    symbols_.resize(next[kLongest + 1]);
    for (std::size_t i = 0; i < lengths.size(); ++i)
      if (lengths[i] != 0) symbols_[next[lengths[i]]++] = static_cast<std::uint16_t>(i);
  }

  // The one symbol that there is; it takes no bits.
  std::optional<std::uint32_t> single() const {
    if (symbols_.size() != 1) return std::nullopt;
    return symbols_[0];
  }
  // nullopt: no such code.
  std::optional<std::uint32_t> read(Bits& bits) const {
    if (symbols_.size() == 1) return symbols_[0];
    std::size_t code = 0, first = 0, index = 0;
    for (std::size_t length = 1; length <= kLongest; ++length) {
      code |= bits.take(1);
      if (code - first < count_[length]) return symbols_[index + code - first];
      index += count_[length];
      first = (first + count_[length]) << 1;
      code <<= 1;
    }
    return std::nullopt;
  }

 private:
  static constexpr std::size_t kLongest = 15;
  std::array<std::size_t, kLongest + 1> count_{};
  std::vector<std::uint16_t> symbols_;  // by length, then by value
};

constexpr std::size_t kLengthCodes = 24, kDistances = 40;

std::uint32_t blocks(std::uint32_t side, std::uint32_t bits) {
  return (side + (1u << bits) - 1) >> bits;
}

// Reads one lossless stream up to its pixels.
class Lossless {
 public:
  Lossless(Bytes bytes, const ImageInfo& info)
      : bits_(bytes),
        width_(static_cast<std::uint32_t>(info.width)),
        height_(static_cast<std::uint32_t>(info.height)) {}

  // nullopt: no valid stream.
  std::optional<std::size_t> working_bytes() {
    constexpr std::size_t kPixel = 4, kRowsAhead = 17, kOther = 256u << 10;
    const std::size_t pixels = std::size_t{width_} * height_ + kRowsAhead * width_;
    while (bits_.take(1) != 0)
      if (!transform()) return std::nullopt;
    const auto cache = cache_bits();
    if (!cache || !groups()) return std::nullopt;
    const std::size_t table =
        kGroupBytes + kCodeBytes * (kFixedCodes + (*cache > 0 ? std::size_t{1} << *cache : 0));
    return kPixel * (pixels + images_) + groups_ * table + kOther;
  }

 private:
  // Entries of a group's tables, the colour cache's left out; sizes of libwebp's structures.
  static constexpr std::size_t kFixedCodes = 630 * 3 + 410 + 656, kCodeBytes = 4, kGroupBytes = 640;

  bool transform() {
    enum : std::uint32_t { kPredictor, kCrossColour, kSubtractGreen, kColourIndex };
    const std::uint32_t type = bits_.take(2);
    if ((seen_ >> type & 1) != 0) return false;
    seen_ |= 1u << type;
    if (type == kSubtractGreen) return true;
    if (type == kColourIndex) {
      const std::uint32_t colours = bits_.take(8) + 1;
      const std::uint32_t packed = colours > 16 ? 0 : colours > 4 ? 1 : colours > 2 ? 2 : 3;
      if (!image(colours, 1)) return false;
      width_ = blocks(width_, packed);
      return true;
    }
    const std::uint32_t size = bits_.take(3) + 2;
    return image(blocks(width_, size), blocks(height_, size)).has_value();
  }

  std::optional<std::uint32_t> cache_bits() {
    if (bits_.take(1) == 0) return 0;
    const std::uint32_t count = bits_.take(4);
    if (count < 1 || count > 11) return std::nullopt;
    return count;
  }

  // Which groups there are says an image: each of its pixels names the one of a square.
  bool groups() {
    if (bits_.take(1) == 0) return true;
    const std::uint32_t size = bits_.take(3) + 2;
    const std::uint32_t across = blocks(width_, size), down = blocks(height_, size);
    const auto highest = image(across, down);
    if (!highest) return false;
    groups_ = std::min<std::size_t>(*highest + 1, std::size_t{across} * down);
    return true;
  }

  // An image within the stream; the highest red and green of its pixels, as one number. Nothing
  // else is wanted, so what is copied from earlier pixels is only counted.
  std::optional<std::uint32_t> image(std::uint32_t width, std::uint32_t height) {
    const auto cache = cache_bits();
    if (!cache) return std::nullopt;
    const std::size_t cached = *cache > 0 ? std::size_t{1} << *cache : 0;
    std::vector<Code> codes;  // green and lengths and cached colours, red, blue, alpha, distance
    for (const std::size_t alphabet : {256 + kLengthCodes + cached, std::size_t{256},
                                       std::size_t{256}, std::size_t{256}, kDistances}) {
      const auto lengths = code_lengths(alphabet);
      if (!lengths) return std::nullopt;
      codes.emplace_back(*lengths);
    }
    const std::size_t pixels = std::size_t{width} * height;
    images_ += pixels;
    std::uint32_t highest = 0;
    const bool no_bits = std::all_of(codes.begin(), codes.begin() + 4,
                                     [](const Code& code) { return code.single().has_value(); });
    if (no_bits && *codes[0].single() < 256)  // all alike
      return *codes[1].single() << 8 | *codes[0].single();
    for (std::size_t at = 0; at < pixels;) {
      const auto green = codes[0].read(bits_);
      if (!green || bits_.at_end()) return std::nullopt;
      if (*green < 256) {
        const auto red = codes[1].read(bits_), blue = codes[2].read(bits_),
                   alpha = codes[3].read(bits_);
        if (!red || !blue || !alpha) return std::nullopt;
        highest = std::max(highest, *red << 8 | *green);
        ++at;
      } else if (*green < 256 + kLengthCodes) {
        const std::uint32_t length = prefixed(*green - 256);
        const auto distance = codes[4].read(bits_);
        if (!distance) return std::nullopt;
        prefixed(*distance);
        at += length;
      } else {
        ++at;
      }
    }
    return highest;
  }

  // A length or a distance: its class, then more bits.
  std::uint32_t prefixed(std::uint32_t symbol) {
    if (symbol < 4) return symbol + 1;
    const std::uint32_t more = (symbol - 2) >> 1;
    return ((2 + (symbol & 1)) << more) + bits_.take(static_cast<int>(more)) + 1;
  }

  std::optional<std::vector<std::uint8_t>> code_lengths(std::size_t alphabet) {
    std::vector<std::uint8_t> lengths(std::max<std::size_t>(alphabet, 256));
    if (bits_.take(1) != 0) {  // one or two symbols, written out
      const bool two = bits_.take(1) != 0;
      lengths[bits_.take(bits_.take(1) != 0 ? 8 : 1)] = 1;
      if (two) lengths[bits_.take(8)] = 1;
    } else if (!read_lengths(alphabet, lengths)) {
      return std::nullopt;
    }
    lengths.resize(alphabet);
    if (std::ranges::all_of(lengths, [](std::uint8_t length) { return length == 0; }))
      return std::nullopt;
    return lengths;
  }

  // Lengths that are themselves coded, with runs.
  bool read_lengths(std::size_t alphabet, std::vector<std::uint8_t>& lengths) {
    static constexpr std::array<std::uint8_t, 19> kOrder = {17, 18, 0, 1,  2,  3,  4,  5,  16, 6,
                                                            7,  8,  9, 10, 11, 12, 13, 14, 15};
    constexpr std::uint32_t kRepeat = 16, kZeros = 17;
    std::vector<std::uint8_t> order_lengths(kOrder.size());
    const std::uint32_t count = bits_.take(4) + 4;
    for (std::uint32_t i = 0; i < count; ++i)
      order_lengths[kOrder[i]] = static_cast<std::uint8_t>(bits_.take(3));
    const Code code(order_lengths);
    std::size_t left = alphabet;
    if (bits_.take(1) != 0) {
      const auto width = static_cast<int>(2 + 2 * bits_.take(3));
      left = 2 + bits_.take(width);
      if (left > alphabet) return false;
    }
    std::uint8_t previous = 8;
    for (std::size_t at = 0; at < alphabet && left > 0; --left) {
      const auto symbol = code.read(bits_);
      if (!symbol || bits_.at_end()) return false;
      if (*symbol < kRepeat) {
        lengths[at++] = static_cast<std::uint8_t>(*symbol);
        if (*symbol != 0) previous = static_cast<std::uint8_t>(*symbol);
        continue;
      }
      const std::size_t run = *symbol == kRepeat  ? 3 + bits_.take(2)
                              : *symbol == kZeros ? 3 + bits_.take(3)
                                                  : 11 + bits_.take(7);
      if (at + run > alphabet) return false;
      for (std::size_t i = 0; i < run; ++i) lengths[at++] = *symbol == kRepeat ? previous : 0;
    }
    return true;
  }

  Bits bits_;
  std::uint32_t width_, height_;
  std::uint32_t seen_ = 0;  // transforms
  std::size_t images_ = 0;  // pixels of the images within the stream
  std::size_t groups_ = 1;
};

// A plane of its own (libwebp makes room for two), packed without loss or not at all. `chunk`: the
// ALPH chunk's data.
std::optional<std::size_t> transparency_bytes(Bytes chunk, const ImageInfo& info) {
  const std::size_t planes = rgb_bytes(info) / 3 * 2;
  const std::uint32_t head = read_uint(chunk, 0, 1, true).value_or(0);
  if ((head & 3) != 1) return planes;
  const auto packed = Lossless(chunk.subspan(1), info).working_bytes();
  if (!packed) return std::nullopt;
  return planes + *packed;
}

// Some rows of macroblocks with all that is known of them, and the first part of the file.
std::size_t lossy_bytes(Bytes chunk, const ImageInfo& info) {
  constexpr std::size_t kBlock = 16, kOfABlock = 4096, kOther = 64u << 10, kMaxCopied = 512u << 10;
  const std::size_t across = (static_cast<std::size_t>(info.width) + kBlock - 1) / kBlock;
  return (across + 1) * kOfABlock + std::min(chunk.size(), kMaxCopied) + kOther;
}

}  // namespace

std::optional<std::size_t> webp_working_bytes(Bytes bytes, const ImageInfo& info) {
  // `bytes`: chunks: name, little-endian length, data, padding to even.
  constexpr std::size_t kSignature = 5;
  std::size_t transparency = 0;
  for (std::size_t at = 0;;) {
    const auto length = read_uint(bytes, at + 4, 4, true);
    if (!length) return std::nullopt;
    const Bytes chunk =
        bytes.subspan(at + 8, std::min<std::size_t>(*length, bytes.size() - at - 8));
    if (starts_with(bytes, "VP8 ", at)) return transparency + lossy_bytes(chunk, info);
    if (starts_with(bytes, "VP8L", at)) {
      if (chunk.size() < kSignature) return std::nullopt;
      const auto packed = Lossless(chunk.subspan(kSignature), info).working_bytes();
      if (!packed) return std::nullopt;
      return transparency + *packed;
    }
    if (starts_with(bytes, "ALPH", at)) {
      const auto plane = transparency_bytes(chunk, info);
      if (!plane) return std::nullopt;
      transparency = std::max(transparency, *plane);
    }
    at += 8 + std::size_t{*length} + (*length & 1);
  }
}

}  // namespace oc
