#include "image/isolated/heif_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "image/decoders.h"

namespace oc {
namespace {

constexpr std::uint32_t kHevc = fourcc("hvc1"), kAv1 = fourcc("av01"), kGrid = fourcc("grid");

// What the decoders take at most. Measured, bytes a pixel of 1.5 million: libde265 1.0.11 4.4
// (4:2:0), 5.8 (4:4:4), 6.8 (10 bits, 4:2:0); dav1d 1.0.0 2.6 and 4.4, and a plane more for film
// grain.
constexpr std::size_t kPlanesOfDecoder = 2, kBytesOfBlocks = 2, kDecoderBytes = 16u << 20;

// A turn or a mirror: where the axes go, x to the right and y down.
struct Turn {
  int xx = 1, xy = 0, yx = 0, yy = 1;
  bool operator==(const Turn&) const = default;
};
Turn after(const Turn& second, const Turn& first) {
  return {second.xx * first.xx + second.xy * first.yx, second.xx * first.xy + second.xy * first.yy,
          second.yx * first.xx + second.yy * first.yx, second.yx * first.xy + second.yy * first.yy};
}
// EXIF 2.32, orientations 1 to 8.
constexpr std::array<Turn, 8> kOrientations = {{{1, 0, 0, 1},
                                                {-1, 0, 0, 1},
                                                {-1, 0, 0, -1},
                                                {1, 0, 0, -1},
                                                {0, 1, 1, 0},
                                                {0, -1, 1, 0},
                                                {0, -1, -1, 0},
                                                {0, 1, -1, 0}}};
constexpr Turn kQuarterLeft = kOrientations[7], kTopDown = kOrientations[3],
               kLeftRight = kOrientations[1];

int orientation_of(const Turn& turn) {
  return static_cast<int>(std::ranges::find(kOrientations, turn) - kOrientations.begin()) + 1;
}

// A size that can be an int.
std::optional<int> side(std::uint64_t value) {
  if (value < 1 || value > std::numeric_limits<int>::max()) return std::nullopt;
  return static_cast<int>(value);
}

// Width and height of a box ispe.
std::optional<std::pair<int, int>> size_in(const HeifFile& file, const HeifItem& item) {
  const Box* box = file.property(item, fourcc("ispe"));
  if (box == nullptr) return std::nullopt;
  BoxReader reader(box->data);
  reader.skip(4);
  const auto width = side(reader.take(4)), height = side(reader.take(4));
  if (!reader.ok() || !width || !height) return std::nullopt;
  return std::pair{*width, *height};
}

// Clean aperture (ISO/IEC 14496-12, 12.1.4): what is shown of the picture, about its middle.
bool read_aperture(Bytes data, HeifImage& out) {
  BoxReader reader(data);
  std::array<std::int64_t, 8> words{};  // four fractions: width, height, offset in x, in y
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::uint32_t word = reader.take32();
    words[i] = i == 4 || i == 6 ? static_cast<std::int32_t>(word) : std::int64_t{word};
  }
  if (!reader.ok()) return false;
  const auto cut = [&](std::size_t at, int whole, int& first, int& size) {
    const std::int64_t n = words[at], d = words[at + 1], off_n = words[at + 4],
                       off_d = words[at + 5];
    constexpr std::int64_t kMax = std::int64_t{1} << 24;  // larger ones are refused elsewhere
    if (d < 1 || off_d < 1 || whole > kMax || n / d < 1 || n / d > whole) return false;
    size = static_cast<int>(n / d);
    const std::int64_t twice = 2 * off_n + (whole - size) * off_d;  // of off_d
    const std::int64_t from = twice < 0 ? -1 : twice / (2 * off_d);
    if (from < 0 || from + size > whole) return false;
    first = static_cast<int>(from);
    return true;
  };
  return cut(0, out.colours.width, out.left, out.width) &&
         cut(2, out.colours.height, out.top, out.height);
}

// Properties that change what is shown, in the order in which they are listed.
bool read_transformations(const HeifFile& file, const HeifItem& item, HeifImage& out) {
  Turn turn;
  bool cut = false;
  for (const std::uint16_t index : item.properties) {
    if (index < 1 || index > file.properties.size()) continue;
    const Box& box = file.properties[index - 1u];
    BoxReader reader(box.data);
    if (box.type == fourcc("clap")) {
      // MIAF has it in front of the others, and once.
      if (cut || turn != Turn{} || !read_aperture(box.data, out)) return false;
      cut = true;
    } else if (box.type == fourcc("irot")) {
      const std::uint64_t quarters = reader.take(1) & 3;
      for (std::uint64_t i = 0; i < quarters; ++i) turn = after(kQuarterLeft, turn);
    } else if (box.type == fourcc("imir")) {
      turn = after((reader.take(1) & 1) == 0 ? kTopDown : kLeftRight, turn);
    }
    if (!reader.ok()) return false;
  }
  out.orientation = orientation_of(turn);
  return true;
}

// Bits of a sample, and how its colours are thinned out.
bool read_coding(HeifImage& out) {
  const Bytes config = out.colours.tiles.front().config;
  const auto byte = [&](std::size_t at) { return static_cast<int>(config[at]); };
  const auto chroma = [&](bool grey, bool half_x, bool half_y) {
    out.grey = grey;
    out.chroma_shift_x = half_x ? 1 : 0;
    out.chroma_shift_y = half_y ? 1 : 0;
  };
  if (out.colours.hevc) {  // ISO/IEC 14496-15, 8.3.2.1
    if (config.size() < 23) return false;
    const int idc = byte(16) & 3;
    chroma(idc == 0, idc == 1 || idc == 2, idc == 1);
    out.bits = 8 + std::max(byte(17) & 7, byte(18) & 7);
    return true;
  }
  if (config.size() < 4) return false;  // AV1 in ISOBMFF, 2.3.3
  const int flags = byte(2);
  out.bits = (flags & 0x40) == 0 ? 8 : (flags & 0x20) != 0 ? 12 : 10;
  chroma((flags & 0x10) != 0, (flags & 8) != 0, (flags & 4) != 0);
  return true;
}

void read_colours(const HeifFile& file, const HeifItem& item, HeifImage& out) {
  for (const std::uint16_t index : item.properties) {
    if (index < 1 || index > file.properties.size()) continue;
    const Box& box = file.properties[index - 1u];
    if (box.type != fourcc("colr")) continue;
    BoxReader reader(box.data);
    const std::uint32_t kind = reader.take32();
    if (kind == fourcc("nclx") && !out.cicp) {
      Cicp cicp;
      cicp.primaries = static_cast<int>(reader.take(2));
      cicp.transfer = static_cast<int>(reader.take(2));
      cicp.matrix = static_cast<int>(reader.take(2));
      cicp.full_range = (reader.take(1) & 0x80) != 0;
      if (reader.ok()) out.cicp = cicp;
    } else if ((kind == fourcc("prof") || kind == fourcc("rICC")) && out.profile.empty()) {
      out.profile = reader.rest();
    }
  }
}

// The item's bytes within the file; has_all_bytes() was asked.
std::vector<Bytes> data_of(const HeifFile& file, const HeifItem& item, Bytes bytes) {
  std::vector<Bytes> out;
  for (const auto& [offset, length] : item.extents)
    out.push_back((item.in_idat ? file.idat : bytes).subspan(offset, length));
  return out;
}

// False: it makes no sense.
bool read_coded(const HeifFile& file, const HeifItem& item, Bytes bytes, HeifLayer& out) {
  const auto size = size_in(file, item);
  const Box* const config =
      file.property(item, item.type == kHevc ? fourcc("hvcC") : fourcc("av1C"));
  if (!size || config == nullptr || item.extents.empty()) return false;
  out.tiles.push_back({.width = size->first,
                       .height = size->second,
                       .config = config->data,
                       .data = data_of(file, item, bytes)});
  return true;
}

// ISO/IEC 23008-12, 6.6.2.3: rows, columns and size of a grid.
bool read_grid(const HeifFile& file, const HeifItem& item, Bytes bytes, HeifLayer& out) {
  std::vector<std::byte> joined;
  for (const Bytes part : data_of(file, item, bytes)) {
    if (part.size() > 64) return false;
    joined.insert(joined.end(), part.begin(), part.end());
  }
  BoxReader reader(joined);
  reader.skip(1);
  const int size = (reader.take(1) & 1) != 0 ? 4 : 2;
  out.rows = static_cast<int>(reader.take(1)) + 1;
  out.columns = static_cast<int>(reader.take(1)) + 1;
  const auto width = side(reader.take(size)), height = side(reader.take(size));
  if (!reader.ok() || !width || !height) return false;
  out.width = *width;
  out.height = *height;
  return true;
}

// The layer that an item is. The type of what is coded: another than HEVC and AV1 is not read any
// further; 0: it makes no sense.
std::uint32_t read_layer(const HeifFile& file, std::uint32_t id, Bytes bytes, HeifLayer& out) {
  const HeifItem& item = *file.item(id);
  const auto known = [](std::uint32_t type) { return type == kHevc || type == kAv1; };
  if (item.type != kGrid) {
    if (!known(item.type)) return item.type;
    if (!read_coded(file, item, bytes, out)) return 0;
    out.width = out.tiles.front().width;
    out.height = out.tiles.front().height;
    out.hevc = item.type == kHevc;
    return item.type;
  }
  const auto reference = std::ranges::find_if(file.references, [&](const HeifReference& one) {
    return one.type == fourcc("dimg") && one.from == id;
  });
  if (reference == file.references.end() || !read_grid(file, item, bytes, out)) return 0;
  if (reference->to.size() != static_cast<std::size_t>(out.columns * out.rows)) return 0;
  std::uint32_t type = 0;
  for (const std::uint32_t tile : reference->to) {
    const HeifItem* const part = file.item(tile);
    if (part == nullptr || (type != 0 && part->type != type)) return 0;
    type = part->type;
    if (!known(type)) return type;
    if (!read_coded(file, *part, bytes, out)) return 0;
    const CodedImage &first = out.tiles.front(), &last = out.tiles.back();
    if (last.width != first.width || last.height != first.height) return 0;
  }
  const CodedImage& first = out.tiles.front();
  if (std::int64_t{first.width} * out.columns < out.width ||
      std::int64_t{first.height} * out.rows < out.height)
    return 0;
  out.hevc = type == kHevc;
  return type;
}

// The number of the item that is the picture's alpha.
std::optional<std::uint32_t> find_alpha(const HeifFile& file) {
  using namespace std::string_view_literals;
  for (const HeifReference& reference : file.references) {
    if (reference.type != fourcc("auxl") || std::ranges::count(reference.to, file.primary) == 0)
      continue;
    const HeifItem* const item = file.item(reference.from);
    const Box* const box = item != nullptr ? file.property(*item, fourcc("auxC")) : nullptr;
    if (box == nullptr || box->data.size() < 4) continue;
    const Bytes name = box->data.subspan(4);
    if (starts_with(name, "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"sv) ||
        starts_with(name, "urn:mpeg:hevc:2015:auxid:1"sv))
      return reference.from;
  }
  return std::nullopt;
}

bool is_premultiplied(const HeifFile& file) {
  return std::ranges::any_of(file.references, [&](const HeifReference& reference) {
    return reference.type == fourcc("prem") && reference.from == file.primary;
  });
}

Error not_decoded(std::uint32_t type) {
  std::string name;
  for (int shift = 24; shift >= 0; shift -= 8) {
    const auto c = static_cast<char>(type >> shift & 0xff);
    name += c > ' ' && c <= '~' ? c : '?';
  }
  return {ErrorCode::kUnsupported,
          fmt::format("the HEIF picture is coded in a way that is not supported ({})", name),
          "save it as HEIC, AVIF, JPEG or PNG"};
}

}  // namespace

Result<HeifImage> read_heif(Bytes bytes) {
  HeifImage out;
  if (has_avif_brand(bytes)) out.format = ImageFormat::kAvif;
  const auto file = read_boxes(bytes);
  if (!file && is_only_track(bytes))
    return Error{
        ErrorCode::kUnsupported,
        fmt::format("the {} file is a sequence without a still picture", to_string(out.format)),
        "send a frame of it, for example: ffmpeg -i FILE -frames:v 1 frame.png"};
  if (!file) return damaged(out.format);
  const std::uint32_t type = read_layer(*file, file->primary, bytes, out.colours);
  if (type == 0) return damaged(out.format);
  if (type != kHevc && type != kAv1) return not_decoded(type);
  out.format = type == kHevc ? ImageFormat::kHeic : ImageFormat::kAvif;
  const HeifItem& primary = *file->item(file->primary);
  out.width = out.colours.width;
  out.height = out.colours.height;
  if (!read_transformations(*file, primary, out) || !read_coding(out)) return damaged(out.format);
  read_colours(*file, primary, out);
  if (primary.type == kGrid)  // what is said of the first tile holds for all
    for (const HeifReference& reference : file->references)
      if (reference.type == fourcc("dimg") && reference.from == file->primary)
        read_colours(*file, *file->item(reference.to.front()), out);
  if (const auto alpha = find_alpha(*file)) {
    const std::uint32_t coded = read_layer(*file, *alpha, bytes, out.alpha);
    if ((coded != kHevc && coded != kAv1) || out.alpha.width != out.colours.width ||
        out.alpha.height != out.colours.height)
      return damaged(out.format);
    out.premultiplied = is_premultiplied(*file);
  }
  out.animated = file->has_track;
  return out;
}

std::size_t heif_decoder_bytes(const HeifImage& picture) {
  const std::size_t sample = picture.bits > 8 ? 2 : 1;
  const auto pixels = [](int width, int height) {
    return static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  };
  const auto layer = [&](const HeifLayer& of, bool grey) {
    if (of.tiles.empty()) return std::size_t{0};
    const auto planes = [&](std::size_t of_pixels) {
      const std::size_t colours =
          grey ? 0 : 2 * of_pixels >> (picture.chroma_shift_x + picture.chroma_shift_y);
      return (of_pixels + colours) * sample;
    };
    // The decoder has its picture, a second one for its filters, and what it knows of each block;
    // tiles are put together in a picture of our own.
    const std::size_t tile = pixels(of.tiles.front().width, of.tiles.front().height);
    return kPlanesOfDecoder * planes(tile) + kBytesOfBlocks * tile +
           (of.tiles.size() > 1 ? planes(pixels(of.width, of.height)) : 0);
  };
  return layer(picture.colours, picture.grey) + layer(picture.alpha, true) + kDecoderBytes;
}

bool is_hdr(const Cicp& cicp) {
  constexpr int kPq = 16, kHlg = 18;
  return cicp.transfer == kPq || cicp.transfer == kHlg;
}

}  // namespace oc
