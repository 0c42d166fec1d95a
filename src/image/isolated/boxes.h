// The boxes of a HEIF file (ISO/IEC 14496-12 and 23008-12) as far as a still picture needs them:
// items, where their bytes lie, what is said of them. Every length is checked against the file.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "image/bytes.h"

namespace oc {

constexpr std::uint32_t fourcc(const char (&name)[5]) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(name[i]);
  return value;
}

// Big-endian numbers, one after the other. Past the end they are 0, and ok() turns false.
class BoxReader {
 public:
  explicit BoxReader(Bytes bytes) : bytes_(bytes) {}
  // 0 to 8 bytes.
  std::uint64_t take(int count);
  std::uint32_t take32() { return static_cast<std::uint32_t>(take(4)); }
  void skip(std::size_t count);
  // What is left from here.
  Bytes rest() const { return bytes_.subspan(at_); }
  bool ok() const { return ok_; }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

struct Box {
  std::uint32_t type = 0;
  Bytes data;  // without its head
};
// The next one, taken off the front of `bytes`. Nothing: there is none, or it is longer than them.
std::optional<Box> take_box(Bytes& bytes);

struct HeifItem {
  std::uint32_t type = 0;                 // "hvc1", "av01", "grid", …
  std::vector<std::uint16_t> properties;  // indices from 1, in the order in which they apply
  // Of its bytes: offset and length, within the file or, if `in_idat`, within the box idat.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> extents;
  bool in_idat = false;
};
struct HeifReference {
  std::uint32_t type = 0;
  std::uint32_t from = 0;
  std::vector<std::uint32_t> to;
};
struct HeifFile {
  std::uint32_t primary = 0;
  std::map<std::uint32_t, HeifItem> items;
  std::vector<HeifReference> references;
  std::vector<Box> properties;  // of the box ipco
  Bytes idat;
  bool has_track = false;  // a sequence of pictures, or a video

  const HeifItem* item(std::uint32_t id) const;
  // The item's property of this type; null: it has none.
  const Box* property(const HeifItem& item, std::uint32_t type) const;
};

// Whether one of its brands is AVIF's.
bool has_avif_brand(Bytes file);

// Whether it has a sequence of pictures, and nothing of a still one.
bool is_only_track(Bytes file);

// Nothing: it contradicts itself, has no still picture, or bytes of one of its items are missing.
std::optional<HeifFile> read_boxes(Bytes file);

}  // namespace oc
