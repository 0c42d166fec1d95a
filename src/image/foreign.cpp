#include "image/foreign.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>

namespace oc {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kConvert =
    "save it as JPEG or PNG: in Preview on a Mac, or with ImageMagick: magick FILE FILE.png";
constexpr std::string_view kDraw =
    "open it in a browser and send a picture of the screen, or save it as PNG";
constexpr std::string_view kFrame =
    "send a frame of it, for example: ffmpeg -i FILE -frames:v 1 frame.png";
constexpr std::string_view kDevelop =
    "develop it to JPEG in the camera's or a photo program, or send the JPEG that the camera "
    "stored beside it";

struct ForeignKind {
  std::string_view what, magic;
  std::size_t at = 0;
  std::string_view hint = kConvert;
  // It is read, but for this build.
  std::optional<ImageFormat> format = std::nullopt;
};
// The first that fits counts.
constexpr std::array kKinds = {
    // clang-format off
    ForeignKind{"a JPEG XL picture",        "\xff\x0a"sv},
    ForeignKind{"a JPEG XL picture",        "\0\0\0\x0cJXL "sv},
    ForeignKind{"a JPEG 2000 picture",      "\0\0\0\x0cjP  "sv},
    ForeignKind{"a JPEG 2000 picture",      "\xff\x4f\xff\x51"sv},
    ForeignKind{"a JPEG XR picture",        "II\xbc"sv},
    ForeignKind{"an AVIF picture",          "ftypavif"sv, 4, kConvert, ImageFormat::kAvif},
    ForeignKind{"an AVIF picture",          "ftypavis"sv, 4, kConvert, ImageFormat::kAvif},
    ForeignKind{"a HEIC picture",           "ftyphe"sv, 4, kConvert, ImageFormat::kHeic},
    ForeignKind{"a HEIC picture",           "ftypmsf1"sv, 4, kConvert, ImageFormat::kHeic},
    ForeignKind{"a HEIF picture",           "ftypmif1"sv, 4, kConvert, ImageFormat::kHeic},
    ForeignKind{"a Canon raw file (CR3)",   "ftypcrx "sv, 4, kDevelop},
    ForeignKind{"a QuickTime video",        "ftypqt  "sv, 4, kFrame},
    ForeignKind{"an MP4 video",             "ftyp"sv, 4, kFrame},
    ForeignKind{"a QuickTime video",        "moov"sv, 4, kFrame},
    ForeignKind{"a WebM or Matroska video", "\x1a\x45\xdf\xa3"sv, 0, kFrame},
    ForeignKind{"an AVI video",             "AVI "sv, 8, kFrame},
    ForeignKind{"an MPEG video",            "\0\0\1\xba"sv, 0, kFrame},
    ForeignKind{"an MPEG video",            "\0\0\1\xb3"sv, 0, kFrame},
    ForeignKind{"a Flash video",            "FLV\1"sv, 0, kFrame},
    ForeignKind{"a WAV sound",              "WAVE"sv, 8, "send a picture"},
    ForeignKind{"a Fujifilm raw file (RAF)", "FUJIFILMCCD-RAW"sv, 0, kDevelop},
    ForeignKind{"an Olympus raw file (ORF)", "IIRO"sv, 0, kDevelop},
    ForeignKind{"an Olympus raw file (ORF)", "IIRS"sv, 0, kDevelop},
    ForeignKind{"an Olympus raw file (ORF)", "MMOR"sv, 0, kDevelop},
    ForeignKind{"a Panasonic raw file (RW2)", "IIU\0"sv, 0, kDevelop},
    ForeignKind{"a Canon raw file (CR2)",   "CR\2"sv, 8, kDevelop},
    ForeignKind{"a Sigma raw file (X3F)",   "FOVb"sv, 0, kDevelop},
    ForeignKind{"a TIFF picture",           "II*\0"sv, 0, kConvert, ImageFormat::kTiff},
    ForeignKind{"a TIFF picture",           "MM\0*"sv, 0, kConvert, ImageFormat::kTiff},
    ForeignKind{"a large TIFF picture (BigTIFF)", "II+\0"sv},
    ForeignKind{"a large TIFF picture (BigTIFF)", "MM\0+"sv},
    ForeignKind{"a GIF picture",            "GIF8"sv},
    ForeignKind{"a BMP picture",            "BM"sv},
    ForeignKind{"a PDF document",           "%PDF"sv, 0, "save the page as PNG, for example: pdftoppm -png -r 150 FILE page"},
    ForeignKind{"a PostScript document",    "%!PS"sv},
    ForeignKind{"a Photoshop picture",      "8BPS"sv},
    ForeignKind{"a GIMP picture",           "gimp xcf"sv},
    ForeignKind{"an icon (ICO)",            "\0\0\1\0"sv},
    ForeignKind{"a Mac's icon (ICNS)",      "icns"sv},
    ForeignKind{"a DirectDraw texture (DDS)", "DDS "sv},
    ForeignKind{"an OpenEXR picture",       "\x76\x2f\x31\x01"sv},
    ForeignKind{"a Radiance picture (HDR)", "#?RADIANCE"sv},
    ForeignKind{"a QOI picture",            "qoif"sv},
    ForeignKind{"a FITS picture",           "SIMPLE  ="sv},
    ForeignKind{"a DICOM picture",          "DICM"sv, 128, "export it as PNG in the program that shows it"},
    ForeignKind{"a ZIP archive or an office document", "PK\3\4"sv, 0, "take the picture out of it first"},
    ForeignKind{"a gzip archive",           "\x1f\x8b"sv, 0, "unpack it first"},
    ForeignKind{"a Git LFS pointer, not the picture itself", "version https://git-lfs"sv, 0, "fetch the file: git lfs pull"},
    ForeignKind{"base64 text, encoded twice", "iVBORw0KGgo"sv, 0, "encode the file's bytes once"},
    ForeignKind{"base64 text, encoded twice", "/9j/"sv, 0, "encode the file's bytes once"},
    ForeignKind{"a data: URL, encoded twice", "data:image"sv, 0, "encode the file's bytes once"},
    // clang-format on
};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// The first characters that are no white space or byte order mark, in small letters.
std::string beginning(Bytes file) {
  constexpr std::size_t kLookedAt = 2048;
  std::string text;
  for (const std::byte byte : file.first(std::min(file.size(), kLookedAt)))
    text += static_cast<char>(byte);
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  text.erase(0, static_cast<std::size_t>(std::ranges::find_if_not(text, is_space) - text.begin()));
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

std::optional<ForeignKind> kind_of_text(Bytes file) {
  const std::string text = beginning(file);
  const auto has = [&](std::string_view part) { return text.find(part) != std::string::npos; };
  if (text.starts_with("<svg") || (text.starts_with("<") && has("<svg")))
    return ForeignKind{"an SVG drawing", "", 0, kDraw};
  if (text.starts_with("<!doctype html") || text.starts_with("<html") || text.starts_with("<head"))
    return ForeignKind{
        "a page of a web site (HTML), not a picture", "", 0,
        "look at what the address really gives: often an error, or a page around the picture"};
  if (text.starts_with("<?xml")) return ForeignKind{"an XML document", "", 0, kDraw};
  if (text.starts_with("{") && has("\""))
    return ForeignKind{
        "a JSON text, not a picture", "", 0,
        "look at what it says: often an error of the server that was asked for the picture"};
  return std::nullopt;
}

std::string capitals_off(std::string text) {
  for (std::size_t i = 1; i < text.size(); ++i)
    text[i] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[i])));
  return text;
}

}  // namespace

// TIFF 6.0 §2; DNG 1.6: its version's tag is in the first directory. In cameras' raw files the
// first directory is a small picture, and the sensor's data are in one below it.
std::string raw_kind(Bytes tiff) {
  constexpr std::uint32_t kNewSubfileType = 254, kMake = 271, kSubIfds = 330, kDngVersion = 50706,
                          kStripOffsets = 273, kTileOffsets = 324;
  constexpr std::size_t kEntry = 12;
  const bool little = starts_with(tiff, "II"sv);
  const auto number = [&](std::size_t at, int bytes) { return read_uint(tiff, at, bytes, little); };
  const std::size_t directory = number(4, 4).value_or(0);
  const std::uint32_t entries = number(directory, 2).value_or(0);
  bool dng = false, small = false, below = false, pixels = false;
  std::string make;
  for (std::uint32_t i = 0; i < entries; ++i) {
    const std::size_t at = directory + 2 + kEntry * i;
    const auto tag = number(at, 2);
    if (!tag) break;
    dng |= *tag == kDngVersion;
    below |= *tag == kSubIfds;
    pixels |= *tag == kStripOffsets || *tag == kTileOffsets;
    small |= *tag == kNewSubfileType && (number(at + 8, 4).value_or(0) & 1) != 0;
    if (*tag != kMake) continue;
    const std::size_t length = std::min<std::size_t>(number(at + 4, 4).value_or(0), 32);
    std::size_t from = length <= 4 ? at + 8 : number(at + 8, 4).value_or(0);
    for (; make.size() < length; ++from) {
      const auto c = number(from, 1);
      if (!c || *c < 'A' || *c > 'z') break;
      make += static_cast<char>(*c);
    }
  }
  if (dng) return "a raw file of a camera (DNG)";
  if (small && below)
    return make.empty() ? "a raw file of a camera"
                        : fmt::format("a {} raw file", capitals_off(make));
  // One whose directory is not all there is a damaged picture.
  const bool whole = directory + 2 + kEntry * entries <= tiff.size();
  if (!pixels && (whole || directory == 0))
    return "built as TIFF, without a picture that can be seen: a raw file of a camera, perhaps";
  return {};
}

bool is_plain_tiff(Bytes file) {
  if (!starts_with(file, "II*\0"sv) && !starts_with(file, "MM\0*"sv)) return false;
  return !starts_with(file, "CR\2"sv, 8) && raw_kind(file).empty();
}

std::string readable_formats() {
  std::string out;
  for (const ImageFormat format : kImageFormats) {
    if (!is_built_in(format)) continue;
    if (const std::size_t last = out.find(" or "); last != std::string::npos)
      out.replace(last, 4, ", ");
    if (!out.empty()) out += " or ";
    out += to_string(format);
  }
  return out;
}

Error not_built_in(ImageFormat format) {
  return {ErrorCode::kUnsupported,
          fmt::format("this is a picture in {}, which this build of ocellus was made without",
                      to_string(format)),
          fmt::format("{}; {} can be read", kConvert, readable_formats())};
}

Error not_an_image(Bytes file) {
  const auto error = [](std::string_view what, std::string_view hint) {
    const bool says_so = what.find(',') != std::string_view::npos;
    return Error{ErrorCode::kUnsupported,
                 fmt::format("this is {}{}", what, says_so ? "" : ", which is not supported"),
                 fmt::format("{}; {} can be read", hint, readable_formats())};
  };
  if (file.empty())
    return {ErrorCode::kUnsupported, "the picture has no bytes",
            "send it as " + readable_formats()};
  for (const ForeignKind& kind : kKinds) {
    if (!starts_with(file, kind.magic, kind.at)) continue;
    if (kind.what == "a TIFF picture")
      if (const std::string raw = raw_kind(file); !raw.empty()) return error(raw, kDevelop);
    if (kind.format && !is_built_in(*kind.format)) return not_built_in(*kind.format);
    return error(kind.what, kind.hint);
  }
  if (const auto kind = kind_of_text(file)) return error(kind->what, kind->hint);
  return {ErrorCode::kUnsupported, "this is not a picture that can be read",
          "send it as " + readable_formats()};
}

}  // namespace oc
