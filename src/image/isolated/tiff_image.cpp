#include "image/isolated/tiff_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "image/decoders.h"

namespace oc {
namespace {

using namespace std::string_view_literals;

// TIFF 6.0 §8 and the supplements; ICC.1:2010 B.4.
enum Tag : std::uint32_t {
  kNewSubfileType = 254,
  kWidth = 256,
  kLength = 257,
  kBitsPerSample = 258,
  kCompression = 259,
  kPhotometric = 262,
  kStripOffsets = 273,
  kOrientation = 274,
  kSamplesPerPixel = 277,
  kRowsPerStrip = 278,
  kPlanarConfiguration = 284,
  kColorMap = 320,
  kTileWidth = 322,
  kTileLength = 323,
  kTileOffsets = 324,
  kExtraSamples = 338,
  kSampleFormat = 339,
  kIccProfile = 34675,
};
constexpr std::size_t kEntryBytes = 12;

// One directory's entries.
class Directory {
 public:
  Directory(Bytes file, std::size_t at, bool little)
      : file_(file), at_(at), little_(little), count_(number(at, 2).value_or(0)) {}

  // All of its entries; where the next one is may be missing.
  bool there() const { return count_ > 0 && number(at_ + 1 + kEntryBytes * count_, 1).has_value(); }
  std::size_t next() const { return number(at_ + 2 + kEntryBytes * count_, 4).value_or(0); }

  bool has(Tag tag) const { return find(tag).has_value(); }
  // The n-th number of a tag (BYTE, SHORT or LONG); nothing: it has none.
  std::optional<std::uint32_t> value(Tag tag, std::size_t n = 0) const {
    const auto entry = find(tag);
    if (!entry || n >= entry->count) return std::nullopt;
    const int size = entry->type == 3 ? 2 : entry->type == 4 ? 4 : entry->type == 1 ? 1 : 0;
    if (size == 0) return std::nullopt;
    const std::size_t bytes = entry->count * static_cast<std::size_t>(size);
    const auto from =
        bytes <= 4 ? std::optional<std::uint32_t>(entry->value_at) : number(entry->value_at, 4);
    if (!from) return std::nullopt;
    return number(*from + n * static_cast<std::size_t>(size), size);
  }
  std::size_t count(Tag tag) const {
    const auto entry = find(tag);
    return entry ? entry->count : 0;
  }
  // BYTE or UNDEFINED, within the file; else empty.
  Bytes bytes(Tag tag) const {
    const auto entry = find(tag);
    if (!entry || (entry->type != 1 && entry->type != 7) || entry->count <= 4) return {};
    const std::size_t from = number(entry->value_at, 4).value_or(0);
    if (from > file_.size() || entry->count > file_.size() - from) return {};
    return file_.subspan(from, entry->count);
  }

 private:
  struct Entry {
    std::uint32_t type = 0;
    std::size_t count = 0;
    std::uint32_t value_at = 0;
  };
  std::optional<std::uint32_t> number(std::size_t at, int size) const {
    return read_uint(file_, at, size, little_);
  }
  std::optional<Entry> find(Tag tag) const {
    constexpr std::size_t kMax = 512;  // cameras and maps write some 60
    for (std::size_t i = 0; i < std::min(count_, kMax); ++i) {
      const std::size_t at = at_ + 2 + kEntryBytes * i;
      const auto name = number(at, 2);
      if (!name) break;
      if (*name != tag) continue;
      const auto type = number(at + 2, 2), count = number(at + 4, 4);
      if (!type || !count) break;
      return Entry{*type, *count, static_cast<std::uint32_t>(at + 8)};
    }
    return std::nullopt;
  }

  Bytes file_;
  std::size_t at_;
  bool little_;
  std::size_t count_;
};

Error unsupported(std::string_view what) {
  return {ErrorCode::kUnsupported, fmt::format("the TIFF picture {}, which is not supported", what),
          "save it again as an ordinary TIFF, or as PNG"};
}

// How libtiff calls those that are read.
bool is_read(std::uint32_t compression) {
  constexpr std::array kRead = {1u,                 // none
                                2u,    3u,     4u,  // CCITT
                                5u,                 // LZW
                                7u,                 // JPEG
                                8u,    32946u,      // Deflate
                                32773u};            // PackBits
  return std::ranges::find(kRead, compression) != kRead.end();
}
std::string compression_name(std::uint32_t compression) {
  switch (compression) {
    case 6:
      return "is compressed with old-style JPEG";
    case 34712:
      return "is compressed with JPEG 2000";
    case 34925:
      return "is compressed with LZMA";
    case 50000:
      return "is compressed with ZSTD";
    case 50001:
      return "is compressed with WebP";
    default:
      return fmt::format("is compressed in way {}", compression);
  }
}

// Thumbnails and masks are no pages.
int count_pages(Bytes file, std::size_t at, bool little) {
  constexpr int kMax = 9999;
  int pages = 0;
  for (int seen = 0; at != 0 && seen < kMax; ++seen) {
    const Directory directory(file, at, little);
    if (!directory.there()) break;
    if (seen == 0 || (directory.value(kNewSubfileType).value_or(0) & 5) == 0) ++pages;
    // A ring of directories would go on for ever; they are written one behind the other.
    const std::size_t next = directory.next();
    if (next <= at) break;
    at = next;
  }
  return pages;
}

std::optional<TiffImage::Colours> colours_of(std::uint32_t photometric) {
  using enum TiffImage::Colours;
  switch (photometric) {
    case 0:
      return kWhiteIsZero;
    case 1:
      return kBlackIsZero;
    case 2:
      return kRgb;
    case 3:
      return kPalette;
    case 5:
      return kCmyk;
    case 6:
      return kYcbcr;
    default:
      return std::nullopt;
  }
}

int colour_samples(TiffImage::Colours colours) {
  using enum TiffImage::Colours;
  return colours == kCmyk ? 4 : colours == kRgb || colours == kYcbcr ? 3 : 1;
}

// Nothing: it is one that is read.
std::optional<Error> check_kind(const TiffImage& picture, const Directory& directory) {
  using enum TiffImage::Colours;
  for (std::size_t i = 0; i < directory.count(kSampleFormat) && i < 8; ++i) {
    const std::uint32_t format = directory.value(kSampleFormat, i).value_or(1);
    if (format == 3) return unsupported("has floating-point samples");
    if (format != 1 && format != 4) return unsupported("has signed or complex samples");
  }
  const int bits = picture.bits;
  const bool few = picture.colours == kWhiteIsZero || picture.colours == kBlackIsZero ||
                   picture.colours == kPalette;
  const bool whole_bytes = bits == 8 || (bits == 16 && picture.colours != kPalette);
  if (!whole_bytes && !(few && (bits == 1 || bits == 2 || bits == 4)))
    return unsupported(fmt::format("has samples of {} bits", bits));
  if (!whole_bytes && picture.samples != 1)
    return unsupported("has several samples a pixel of less than 8 bits");
  const bool fax = picture.compression >= 2 && picture.compression <= 4;
  if (fax && bits != 1) return damaged(ImageFormat::kTiff);
  if (picture.compression == 7 && bits != 8)
    return unsupported(fmt::format("is compressed as JPEG with {} bits", bits));
  if (picture.colours == kYcbcr && picture.compression != 7)
    return unsupported("has YCbCr colours that are not compressed as JPEG");
  return std::nullopt;
}

std::vector<std::uint8_t> read_palette(const Directory& directory, int bits) {
  std::vector<std::uint8_t> palette;
  const std::size_t colours = std::size_t{1} << bits;
  for (std::size_t i = 0; i < colours; ++i)
    for (std::size_t channel = 0; channel < 3; ++channel) {
      const auto value = directory.value(kColorMap, channel * colours + i);
      if (!value) return {};
      palette.push_back(static_cast<std::uint8_t>(*value >> 8));  // as Pillow does
    }
  return palette;
}

// Width and height of tiles, the rows of strips; false: they make no sense.
bool read_layout(const Directory& directory, TiffImage& out) {
  if (!directory.has(kTileOffsets) && !directory.has(kTileWidth)) {
    out.strip_rows = directory.value(kRowsPerStrip).value_or(~0u);
    return directory.has(kStripOffsets) && out.strip_rows > 0;
  }
  const std::uint32_t width = directory.value(kTileWidth).value_or(0);
  const std::uint32_t height = directory.value(kTileLength).value_or(0);
  constexpr std::uint32_t kMax = 1u << 14;
  if (width < 1 || height < 1 || width > kMax || height > kMax) return false;
  out.tile_width = static_cast<int>(width);
  out.tile_height = static_cast<int>(height);
  return true;
}

void read_alpha(const Directory& directory, TiffImage& out) {
  constexpr std::uint32_t kAssociated = 1, kUnassociated = 2, kCorel = 999;
  using enum TiffImage::Colours;
  if (out.colours == kPalette || out.colours == kCmyk || out.colours == kYcbcr) return;
  if (out.samples <= colour_samples(out.colours)) return;
  const auto kind = directory.value(kExtraSamples);
  // Four samples of which nothing is said: taken for alpha, as Pillow does.
  out.alpha = kind ? *kind == kAssociated || *kind == kUnassociated || *kind == kCorel
                   : out.colours == kRgb;
  out.premultiplied = kind == kAssociated;
}

}  // namespace

Samples TiffImage::row_samples() const {
  switch (colours) {
    case Colours::kWhiteIsZero:
    case Colours::kBlackIsZero:
      return alpha ? Samples::kGreyAlpha : Samples::kGrey;
    case Colours::kRgb:
      return alpha ? Samples::kRgba : Samples::kRgb;
    case Colours::kCmyk:
      return Samples::kCmyk;
    case Colours::kPalette:
    case Colours::kYcbcr:
      break;
  }
  return Samples::kRgb;
}

Result<TiffImage> read_tiff(Bytes file) {
  const Error broken = damaged(ImageFormat::kTiff);
  const bool little = starts_with(file, "II"sv);
  const auto first = read_uint(file, 4, 4, little);
  if (!first || *first == 0) return broken;
  const Directory directory(file, *first, little);
  if (!directory.there()) return broken;

  TiffImage out;
  const std::uint32_t width = directory.value(kWidth).value_or(0);
  const std::uint32_t height = directory.value(kLength).value_or(0);
  constexpr std::uint32_t kMax = std::numeric_limits<int>::max();
  if (width < 1 || height < 1 || width > kMax || height > kMax) return broken;
  out.width = static_cast<int>(width);
  out.height = static_cast<int>(height);

  const std::uint32_t compression = directory.value(kCompression).value_or(1);
  if (!is_read(compression)) return unsupported(compression_name(compression));
  out.compression = static_cast<int>(compression);
  // A file without it: bilevel in practice, white is zero as in a fax.
  const std::uint32_t photometric = directory.value(kPhotometric).value_or(0);
  const auto colours = colours_of(photometric);
  if (!colours)
    return unsupported(photometric == 8 || photometric == 9 || photometric == 10
                           ? "has L*a*b* colours"
                           : fmt::format("has colours of kind {}", photometric));
  out.colours = *colours;

  const std::uint32_t samples = directory.value(kSamplesPerPixel).value_or(1);
  constexpr std::uint32_t kMaxSamples = 16;
  if (samples < static_cast<std::uint32_t>(colour_samples(out.colours)) || samples > kMaxSamples)
    return broken;
  out.samples = static_cast<int>(samples);
  const std::size_t sizes = std::min<std::size_t>(directory.count(kBitsPerSample), samples);
  out.bits = static_cast<int>(std::min(directory.value(kBitsPerSample).value_or(1), 99u));
  for (std::size_t i = 0; i < sizes; ++i) {
    const auto bits = directory.value(kBitsPerSample, i);
    if (!bits) return broken;
    if (*bits != static_cast<std::uint32_t>(out.bits))
      return unsupported("has samples of different sizes");
  }
  out.planes_apart = directory.value(kPlanarConfiguration).value_or(1) == 2 && samples > 1;
  read_alpha(directory, out);
  if (auto error = check_kind(out, directory)) return *std::move(error);
  if (!read_layout(directory, out)) return broken;
  if (out.colours == TiffImage::Colours::kPalette) {
    out.palette = read_palette(directory, out.bits);
    if (out.palette.empty()) return broken;
  }
  const std::uint32_t orientation = directory.value(kOrientation).value_or(1);
  out.orientation = orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
  out.profile = directory.bytes(kIccProfile);
  if (out.profile.empty() && directory.count(kIccProfile) > 4) return broken;  // it is cut off
  out.pages = count_pages(file, *first, little);
  return out;
}

std::size_t tiff_decoder_bytes(const TiffImage& picture) {
  const auto bytes = [&](std::size_t width, std::size_t height) {
    return (width * static_cast<std::size_t>(picture.samples * picture.bits) + 7) / 8 * height;
  };
  const auto width = static_cast<std::size_t>(picture.width);
  const std::size_t tile = picture.tile_width > 0
                               ? bytes(static_cast<std::size_t>(picture.tile_width),
                                       static_cast<std::size_t>(picture.tile_height))
                               : 0;
  // Rows and their neighbours, tables of the decoders, and what libtiff and libjpeg begin with;
  // offsets and lengths of the strips or tiles, each of at least a byte of the file.
  const std::size_t across =
      picture.tile_width > 0 ? width / static_cast<std::size_t>(picture.tile_width) + 1 : 1;
  const std::size_t rows =
      picture.tile_width > 0 ? static_cast<std::size_t>(picture.tile_height) : picture.strip_rows;
  const std::size_t parts = (static_cast<std::size_t>(picture.height) / rows + 1) * across *
                            (picture.planes_apart ? static_cast<std::size_t>(picture.samples) : 1);
  return 2 * tile + 64 * bytes(width, 1) + 48 * parts + (8u << 20);
}

}  // namespace oc
