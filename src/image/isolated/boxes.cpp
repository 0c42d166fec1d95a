#include "image/isolated/boxes.h"

#include <algorithm>
#include <array>

#include "image/decoders.h"

namespace oc {
namespace {

// libheif's own bound is 1000; a picture of 200 megapixels has some 800 tiles.
constexpr std::size_t kMaxItems = 4096;
constexpr std::size_t kMaxProperties = 4096;

// Version and flags of a "full box".
struct Version {
  std::uint32_t version = 0, flags = 0;
};
Version take_version(BoxReader& reader) {
  const std::uint32_t word = reader.take32();
  return {word >> 24, word & 0xffffff};
}

// Each reader of a box: false when it contradicts itself.
bool read_primary(Bytes data, HeifFile& file) {
  BoxReader reader(data);
  const bool wide = take_version(reader).version > 0;
  file.primary = static_cast<std::uint32_t>(reader.take(wide ? 4 : 2));
  return reader.ok();
}

bool read_item_types(Bytes data, HeifFile& file) {
  BoxReader reader(data);
  const bool wide = take_version(reader).version > 0;
  reader.skip(wide ? 4 : 2);  // how many: the boxes tell
  if (!reader.ok()) return false;
  Bytes entries = reader.rest();
  while (const auto box = take_box(entries)) {
    if (box->type != fourcc("infe")) continue;
    BoxReader entry(box->data);
    const std::uint32_t version = take_version(entry).version;
    if (version < 2) continue;  // older ones have no type
    const auto id = static_cast<std::uint32_t>(entry.take(version == 2 ? 2 : 4));
    entry.skip(2);  // protection
    const std::uint32_t type = entry.take32();
    if (!entry.ok() || file.items.size() >= kMaxItems) return false;
    file.items[id].type = type;
  }
  return entries.empty();
}

bool read_places(Bytes data, HeifFile& file) {
  BoxReader reader(data);
  const std::uint32_t version = take_version(reader).version;
  if (version > 2) return false;
  const auto sizes = static_cast<int>(reader.take(2));
  const int offset_size = sizes >> 12, length_size = sizes >> 8 & 15, base_size = sizes >> 4 & 15;
  const int index_size = version > 0 ? sizes & 15 : 0;
  for (const int size : {offset_size, length_size, base_size, index_size})
    if (size != 0 && size != 4 && size != 8) return false;
  const int id_size = version < 2 ? 2 : 4;
  const std::uint64_t count = reader.take(id_size);
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    const auto id = static_cast<std::uint32_t>(reader.take(id_size));
    const auto method = version > 0 ? reader.take(2) & 15 : 0;
    reader.skip(2);  // index of the file: 0 is this one
    const std::uint64_t base = reader.take(base_size);
    const std::uint64_t extents = reader.take(2);
    const auto item = file.items.find(id);
    for (std::uint64_t n = 0; n < extents && reader.ok(); ++n) {
      reader.skip(static_cast<std::size_t>(index_size));
      const std::uint64_t offset = base + reader.take(offset_size);
      const std::uint64_t length = reader.take(length_size);
      if (item != file.items.end()) item->second.extents.emplace_back(offset, length);
    }
    if (item == file.items.end()) continue;
    item->second.in_idat = method == 1;
    if (method > 1) item->second.extents.clear();  // made of other items: nobody writes that
  }
  return reader.ok();
}

bool read_references(Bytes data, HeifFile& file) {
  BoxReader reader(data);
  const int id_size = take_version(reader).version == 0 ? 2 : 4;
  if (!reader.ok()) return false;
  Bytes entries = reader.rest();
  while (const auto box = take_box(entries)) {
    BoxReader entry(box->data);
    HeifReference reference{
        .type = box->type, .from = static_cast<std::uint32_t>(entry.take(id_size)), .to = {}};
    const std::uint64_t count = entry.take(2);
    for (std::uint64_t i = 0; i < count && entry.ok(); ++i)
      reference.to.push_back(static_cast<std::uint32_t>(entry.take(id_size)));
    if (!entry.ok() || file.references.size() >= kMaxItems) return false;
    file.references.push_back(std::move(reference));
  }
  return entries.empty();
}

bool read_associations(Bytes data, HeifFile& file) {
  BoxReader reader(data);
  const Version head = take_version(reader);
  const std::uint64_t count = reader.take(4);
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    const auto item =
        file.items.find(static_cast<std::uint32_t>(reader.take(head.version < 1 ? 2 : 4)));
    const std::uint64_t properties = reader.take(1);
    for (std::uint64_t n = 0; n < properties; ++n) {
      const bool wide = (head.flags & 1) != 0;
      const std::uint64_t entry = reader.take(wide ? 2 : 1);  // its highest bit: essential
      if (item != file.items.end())
        item->second.properties.push_back(
            static_cast<std::uint16_t>(entry & (wide ? 0x7fff : 0x7f)));
    }
  }
  return reader.ok();
}

bool read_properties(Bytes data, HeifFile& file) {
  Bytes boxes = data;
  while (const auto box = take_box(boxes)) {
    if (box->type == fourcc("ipma") && !read_associations(box->data, file)) return false;
    if (box->type != fourcc("ipco") || !file.properties.empty()) continue;
    Bytes inside = box->data;
    while (const auto property = take_box(inside)) {
      if (file.properties.size() >= kMaxProperties) return false;
      file.properties.push_back(*property);
    }
    if (!inside.empty()) return false;
  }
  return boxes.empty();
}

bool read_meta(Bytes data, HeifFile& file) {
  BoxReader reader(data);
  take_version(reader);
  if (!reader.ok()) return false;
  // Types first: the other boxes speak of the items by number.
  const std::array<std::pair<std::uint32_t, bool (*)(Bytes, HeifFile&)>, 5> readers = {
      {{fourcc("iinf"), read_item_types},
       {fourcc("pitm"), read_primary},
       {fourcc("iloc"), read_places},
       {fourcc("iref"), read_references},
       {fourcc("iprp"), read_properties}}};
  for (const auto& [type, read] : readers) {
    Bytes boxes = reader.rest();
    while (const auto box = take_box(boxes)) {
      if (box->type == type && !read(box->data, file)) return false;
      if (box->type == fourcc("idat")) file.idat = box->data;
    }
    if (!boxes.empty()) return false;
  }
  return file.item(file.primary) != nullptr;
}

bool has_all_bytes(const HeifItem& item, std::uint64_t size) {
  return std::ranges::all_of(item.extents, [&](const auto& extent) {
    return extent.first <= size && extent.second <= size - extent.first;
  });
}

// The major brand and those that it is compatible with.
std::vector<std::uint32_t> brands_of(Bytes file) {
  constexpr std::size_t kMax = 64;
  std::vector<std::uint32_t> brands;
  Bytes rest = file;
  const auto box = take_box(rest);
  if (!box || box->type != fourcc("ftyp")) return brands;
  BoxReader reader(box->data);
  for (std::size_t i = 0; i < std::min(box->data.size() / 4, kMax); ++i) {
    const std::uint32_t brand = reader.take32();
    if (i != 1) brands.push_back(brand);  // the second word is a version
  }
  return brands;
}

}  // namespace

std::uint64_t BoxReader::take(int count) {
  if (bytes_.size() - at_ < static_cast<std::size_t>(count)) {
    at_ = bytes_.size();
    ok_ = false;
    return 0;
  }
  std::uint64_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | static_cast<std::uint64_t>(bytes_[at_++]);
  return value;
}

void BoxReader::skip(std::size_t count) {
  if (bytes_.size() - at_ < count) {
    at_ = bytes_.size();
    ok_ = false;
  } else {
    at_ += count;
  }
}

std::optional<Box> take_box(Bytes& bytes) {
  BoxReader reader(bytes);
  std::uint64_t size = reader.take32();
  const std::uint32_t type = reader.take32();
  std::size_t head = 8;
  if (size == 1) {  // it stands behind the type, in 64 bits
    size = reader.take(8);
    head = 16;
  }
  if (size == 0) size = bytes.size();  // to the end
  if (!reader.ok() || size < head || size > bytes.size()) return std::nullopt;
  const Box box{type, bytes.subspan(head, size - head)};
  bytes = bytes.subspan(size);
  return box;
}

const HeifItem* HeifFile::item(std::uint32_t id) const {
  const auto found = items.find(id);
  return found == items.end() ? nullptr : &found->second;
}

const Box* HeifFile::property(const HeifItem& of, std::uint32_t type) const {
  for (const std::uint16_t index : of.properties)
    if (index >= 1 && index <= properties.size() && properties[index - 1u].type == type)
      return &properties[index - 1u];
  return nullptr;
}

bool is_heif(Bytes file) {
  const auto brands = brands_of(file);
  // What is a picture first; a video may name these among others.
  constexpr std::array kBrands = {fourcc("mif1"), fourcc("mif2"), fourcc("msf1"), fourcc("miaf"),
                                  fourcc("heic"), fourcc("heix"), fourcc("heim"), fourcc("heis"),
                                  fourcc("hevc"), fourcc("hevx"), fourcc("avif"), fourcc("avis")};
  return !brands.empty() && std::ranges::find(kBrands, brands.front()) != kBrands.end();
}

bool has_avif_brand(Bytes file) {
  return std::ranges::any_of(brands_of(file), [](std::uint32_t brand) {
    return brand == fourcc("avif") || brand == fourcc("avis");
  });
}

bool is_only_track(Bytes file) {
  bool track = false;
  while (const auto box = take_box(file)) {
    if (box->type == fourcc("meta")) return false;
    track |= box->type == fourcc("moov");
  }
  return track;
}

std::optional<HeifFile> read_boxes(Bytes file) {
  HeifFile out;
  bool meta = false;
  Bytes boxes = file;
  // What stands behind the last box (some phones append their own) is not looked at.
  while (const auto box = take_box(boxes)) {
    if (box->type == fourcc("meta") && !meta) {
      if (!read_meta(box->data, out)) return std::nullopt;
      meta = true;
    }
    out.has_track |= box->type == fourcc("moov");
  }
  if (!meta) return std::nullopt;
  for (const auto& [id, item] : out.items)
    if (!has_all_bytes(item, item.in_idat ? out.idat.size() : file.size())) return std::nullopt;
  return out;
}

}  // namespace oc
