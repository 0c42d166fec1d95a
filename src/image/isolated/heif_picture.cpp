#include "image/isolated/heif_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include "image/decoders.h"

namespace oc {
namespace {

constexpr std::uint32_t kHevc = fourcc("hvc1"), kAv1 = fourcc("av01"), kGrid = fourcc("grid");

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
bool read_aperture(Bytes data, HeifPicture& out) {
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
    constexpr std::int64_t kMost = std::int64_t{1} << 24;  // larger ones are refused elsewhere
    if (d < 1 || off_d < 1 || whole > kMost || n / d < 1 || n / d > whole) return false;
    size = static_cast<int>(n / d);
    const std::int64_t twice = 2 * off_n + (whole - size) * off_d;  // of off_d
    const std::int64_t from = twice < 0 ? -1 : twice / (2 * off_d);
    if (from < 0 || from + size > whole) return false;
    first = static_cast<int>(from);
    return true;
  };
  return cut(0, out.coded_width, out.left, out.width) &&
         cut(2, out.coded_height, out.top, out.height);
}

// Properties that change what is shown, in the order in which they are listed.
bool read_transformations(const HeifFile& file, const HeifItem& item, HeifPicture& out) {
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

// Of the item that is coded: bits of a sample, and how its colours are thinned out.
bool read_coding(const HeifFile& file, const HeifItem& item, HeifPicture& out) {
  const auto chroma = [&](bool grey, bool half_x, bool half_y) {
    out.grey = grey;
    out.chroma_shift_x = half_x ? 1 : 0;
    out.chroma_shift_y = half_y ? 1 : 0;
  };
  if (item.type == kHevc) {  // ISO/IEC 14496-15, 8.3.2.1
    const Box* box = file.property(item, fourcc("hvcC"));
    if (box == nullptr || box->data.size() < 23) return false;
    const auto byte = [&](std::size_t at) { return static_cast<int>(box->data[at]); };
    const int idc = byte(16) & 3;
    chroma(idc == 0, idc == 1 || idc == 2, idc == 1);
    out.bits = 8 + std::max(byte(17) & 7, byte(18) & 7);
    return true;
  }
  // AV1 in ISOBMFF, 2.3.3
  const Box* box = file.property(item, fourcc("av1C"));
  if (box == nullptr || box->data.size() < 4) return false;
  const auto flags = static_cast<unsigned>(box->data[2]);
  out.bits = (flags & 0x40) == 0 ? 8 : (flags & 0x20) != 0 ? 12 : 10;
  chroma((flags & 0x10) != 0, (flags & 8) != 0, (flags & 4) != 0);
  return true;
}

void read_colours(const HeifFile& file, const HeifItem& item, HeifPicture& out) {
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

bool has_alpha_item(const HeifFile& file) {
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
      return true;
  }
  return false;
}

// The tiles of a grid: all of one kind. Its first; null: it makes no sense.
const HeifItem* read_tiles(const HeifFile& file, HeifPicture& out) {
  const auto reference = std::ranges::find_if(file.references, [&](const HeifReference& one) {
    return one.type == fourcc("dimg") && one.from == file.primary;
  });
  if (reference == file.references.end() || reference->to.empty()) return nullptr;
  const HeifItem* first = nullptr;
  for (const std::uint32_t id : reference->to) {
    const HeifItem* const tile = file.item(id);
    if (tile == nullptr || (first != nullptr && tile->type != first->type)) return nullptr;
    const auto size = size_in(file, *tile);
    if (!size) return nullptr;
    out.tile_width = std::max(out.tile_width, size->first);
    out.tile_height = std::max(out.tile_height, size->second);
    if (first == nullptr) first = tile;
  }
  out.tiles = static_cast<int>(reference->to.size());
  return first;
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

Result<HeifPicture> read_heif(Bytes bytes) {
  HeifPicture out;
  if (has_avif_brand(bytes)) out.format = ImageFormat::kAvif;
  const auto file = read_boxes(bytes);
  if (!file) return damaged(out.format);
  const HeifItem& primary = *file->item(file->primary);
  const HeifItem* coded = &primary;
  if (primary.type == kGrid) coded = read_tiles(*file, out);
  if (coded == nullptr) return damaged(out.format);
  if (coded->type != kHevc && coded->type != kAv1) return not_decoded(coded->type);
  out.format = coded->type == kHevc ? ImageFormat::kHeic : ImageFormat::kAvif;
  const auto size = size_in(*file, primary);
  if (!size || coded->extents.empty()) return damaged(out.format);
  std::tie(out.coded_width, out.coded_height) = *size;
  std::tie(out.width, out.height) = *size;
  if (primary.type != kGrid) std::tie(out.tile_width, out.tile_height) = *size;
  if (!read_transformations(*file, primary, out) || !read_coding(*file, *coded, out))
    return damaged(out.format);
  read_colours(*file, primary, out);
  if (coded != &primary) read_colours(*file, *coded, out);
  out.alpha = has_alpha_item(*file);
  out.animated = file->has_track;
  return out;
}

// Measured with libheif 1.15, libde265 1.0.11 and dav1d 1.0.0, with a margin: see
// tests/image/isolated/memory_test.cpp.
std::size_t heif_decoder_bytes(const HeifPicture& picture) {
  const std::size_t sample = picture.bits > 8 ? 2 : 1;
  const auto planes = [&](int width, int height) {
    const auto pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
    const std::size_t colours =
        picture.grey ? 0 : 2 * pixels >> (picture.chroma_shift_x + picture.chroma_shift_y);
    return (pixels + colours + (picture.alpha ? pixels : 0)) * sample;
  };
  const std::size_t whole = planes(picture.coded_width, picture.coded_height);
  const std::size_t tile = planes(picture.tile_width, picture.tile_height);
  const auto pixels =
      static_cast<std::size_t>(picture.tile_width) * static_cast<std::size_t>(picture.tile_height);
  // The decoder has its picture, a second one for its filters, what it knows of each block, and
  // gives libheif a copy.
  return whole + 4 * tile + 3 * pixels + (24u << 20);
}

bool is_hdr(const Cicp& cicp) {
  constexpr int kPq = 16, kHlg = 18;
  return cicp.transfer == kPq || cicp.transfer == kHlg;
}

}  // namespace oc
