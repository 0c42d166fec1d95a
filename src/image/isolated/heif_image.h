// What a HEIF file says of its picture, from its boxes alone.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "image/image.h"
#include "image/isolated/boxes.h"

namespace oc {

// Coding-independent code points (ITU-T H.273): how samples become colours.
struct Cicp {
  int primaries = 2, transfer = 2, matrix = 2;  // 2: it is not said
  bool full_range = true;
};

// One coded picture: a whole layer, or a tile of it.
struct CodedImage {
  int width = 0, height = 0;
  Bytes config;             // the box hvcC or av1C
  std::vector<Bytes> data;  // one after the other
};
// The colours, or the alpha. Tiles lie row by row, all of one size, the first one's; what hangs
// over the layer's size on the right and at the bottom is cut off.
struct HeifLayer {
  int width = 0, height = 0;
  int columns = 1, rows = 1;
  std::vector<CodedImage> tiles;  // columns * rows
  bool hevc = true;               // else AV1
};

struct HeifImage {
  ImageFormat format = ImageFormat::kHeic;  // by how it is coded, whatever the brands say
  HeifLayer colours;
  HeifLayer alpha;             // no tiles: there is none
  bool premultiplied = false;  // by alpha
  // What is shown of it (clap), and how that is turned (irot, imir), as an EXIF orientation. That
  // of EXIF itself is for information only, as browsers have it (ISO/IEC 23008-12, annex A).
  int left = 0, top = 0, width = 0, height = 0;
  int orientation = 1;
  bool grey = false;
  int bits = 8;            // a sample
  int chroma_shift_x = 1;  // columns that share one sample of colour, as a power of two
  int chroma_shift_y = 1;
  bool animated = false;
  std::optional<Cicp> cicp;
  Bytes profile;  // ICC; may be empty
};

// kCorrupt, kUnsupported.
Result<HeifImage> read_heif(Bytes file);

// What the helper takes to decode it, beside the file and the finished pixels.
std::size_t heif_decoder_bytes(const HeifImage& picture);

// An ICC profile for these primaries, where they are other than sRGB's and simple; else empty.
std::vector<std::byte> profile_of(const Cicp& cicp);
// PQ and HLG: brighter than a screen's white.
bool is_hdr(const Cicp& cicp);

}  // namespace oc
