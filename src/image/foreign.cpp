#include "image/foreign.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>

#include "base/ascii.h"
#include "base/utf8.h"

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
constexpr std::string_view kTakeOut = "take the picture out of it first";
constexpr std::string_view kSendPicture = "send a picture";
constexpr std::string_view kLook =
    "look at what the address or file really gives: often an error of the server that was asked "
    "for the picture";
constexpr std::string_view kPage =
    "look at what the address really gives: often an error, or a page around the picture";
constexpr std::string_view kUntouched =
    "send the file's bytes as they are, or as base64: a program has read or sent them as text";
constexpr std::string_view kOnce =
    "encode the file's bytes once; a file of base64 becomes a picture with: base64 -d FILE > "
    "FILE.png";

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
    ForeignKind{"an MPEG-4 sound (M4A)",    "ftypM4A"sv, 4, kSendPicture},
    ForeignKind{"an MPEG-4 sound (M4B)",    "ftypM4B"sv, 4, kSendPicture},
    ForeignKind{"a QuickTime video",        "ftypqt  "sv, 4, kFrame},
    ForeignKind{"an MP4 video",             "ftyp"sv, 4, kFrame},
    ForeignKind{"a QuickTime video",        "moov"sv, 4, kFrame},
    ForeignKind{"a WebM or Matroska video", "\x1a\x45\xdf\xa3"sv, 0, kFrame},
    ForeignKind{"an AVI video",             "AVI "sv, 8, kFrame},
    ForeignKind{"an MPEG video",            "\0\0\1\xba"sv, 0, kFrame},
    ForeignKind{"an MPEG video",            "\0\0\1\xb3"sv, 0, kFrame},
    ForeignKind{"a Flash video",            "FLV\1"sv, 0, kFrame},
    ForeignKind{"a Windows Media video or sound (ASF)", "\x30\x26\xb2\x75\x8e\x66\xcf\x11"sv, 0, kFrame},
    ForeignKind{"a WAV sound",              "WAVE"sv, 8, kSendPicture},
    ForeignKind{"an MP3 sound",             "ID3\2"sv, 0, kSendPicture},
    ForeignKind{"an MP3 sound",             "ID3\3"sv, 0, kSendPicture},
    ForeignKind{"an MP3 sound",             "ID3\4"sv, 0, kSendPicture},
    ForeignKind{"an MP3 sound",             "\xff\xfb"sv, 0, kSendPicture},
    ForeignKind{"an MP3 sound",             "\xff\xf3"sv, 0, kSendPicture},
    ForeignKind{"an MP3 sound",             "\xff\xf2"sv, 0, kSendPicture},
    ForeignKind{"an AAC sound",             "\xff\xf1"sv, 0, kSendPicture},
    ForeignKind{"an AAC sound",             "\xff\xf9"sv, 0, kSendPicture},
    ForeignKind{"an Ogg sound or video",    "OggS"sv, 0, kSendPicture},
    ForeignKind{"a FLAC sound",             "fLaC"sv, 0, kSendPicture},
    ForeignKind{"a Fujifilm raw file (RAF)", "FUJIFILMCCD-RAW"sv, 0, kDevelop},
    ForeignKind{"an Olympus raw file (ORF)", "IIRO"sv, 0, kDevelop},
    ForeignKind{"an Olympus raw file (ORF)", "IIRS"sv, 0, kDevelop},
    ForeignKind{"an Olympus raw file (ORF)", "MMOR"sv, 0, kDevelop},
    ForeignKind{"a Panasonic raw file (RW2)", "IIU\0"sv, 0, kDevelop},
    ForeignKind{"a Canon raw file (CR2)",   "CR\2"sv, 8, kDevelop},
    ForeignKind{"a Canon raw file (CRW)",   "HEAPCCDR"sv, 6, kDevelop},
    ForeignKind{"a Minolta raw file (MRW)", "\0MRM"sv, 0, kDevelop},
    ForeignKind{"a Sigma raw file (X3F)",   "FOVb"sv, 0, kDevelop},
    ForeignKind{"a TIFF picture",           "II*\0"sv, 0, kConvert, ImageFormat::kTiff},
    ForeignKind{"a TIFF picture",           "MM\0*"sv, 0, kConvert, ImageFormat::kTiff},
    ForeignKind{"a large TIFF picture (BigTIFF)", "II+\0"sv},
    ForeignKind{"a large TIFF picture (BigTIFF)", "MM\0+"sv},
    ForeignKind{"a GIF picture",            "GIF8"sv},
    ForeignKind{"a BMP picture",            "BM"sv},
    ForeignKind{"a PostScript picture (EPS)", "\xc5\xd0\xd3\xc6"sv},
    ForeignKind{"a Windows metafile (WMF)", "\xd7\xcd\xc6\x9a"sv},
    ForeignKind{"a DjVu document",          "AT&TFORM"sv, 0, "save the page as TIFF, for example: ddjvu -format=tiff -page=1 FILE page.tif"},
    ForeignKind{"an MNG animation",         "\x8aMNG"sv},
    ForeignKind{"a JNG picture",            "\x8bJNG"sv},
    ForeignKind{"an SGI picture",           "\1\xda"sv},
    ForeignKind{"a Photoshop picture",      "8BPS"sv},
    ForeignKind{"a GIMP picture",           "gimp xcf"sv},
    ForeignKind{"an icon (ICO)",            "\0\0\1\0"sv},
    ForeignKind{"a Mac's icon (ICNS)",      "icns"sv},
    ForeignKind{"a DirectDraw texture (DDS)", "DDS "sv},
    ForeignKind{"an OpenEXR picture",       "\x76\x2f\x31\x01"sv},
    ForeignKind{"a QOI picture",            "qoif"sv},
    ForeignKind{"a FITS picture",           "SIMPLE  ="sv},
    ForeignKind{"a DICOM picture",          "DICM"sv, 128, "export it as PNG in the program that shows it"},
    ForeignKind{"a ZIP archive or an office document", "PK\3\4"sv, 0, kTakeOut},
    ForeignKind{"an empty ZIP archive",     "PK\5\6"sv, 0, kSendPicture},
    ForeignKind{"an old Office document",   "\xd0\xcf\x11\xe0"sv, 0, kTakeOut},
    ForeignKind{"a gzip archive",           "\x1f\x8b"sv, 0, "unpack it first: gunzip; an SVGZ drawing: open it in a browser and save it as PNG"},
    ForeignKind{"a 7-Zip archive",          "7z\xbc\xaf"sv, 0, kTakeOut},
    ForeignKind{"a RAR archive",            "Rar!\x1a\7"sv, 0, kTakeOut},
    ForeignKind{"an XZ archive",            "\xfd" "7zXZ"sv, 0, "unpack it first"},
    ForeignKind{"a bzip2 archive",          "1AY&SY"sv, 4, "unpack it first"},
    ForeignKind{"a Zstandard archive",      "\x28\xb5\x2f\xfd"sv, 0, "unpack it first"},
    ForeignKind{"a tar archive",            "ustar"sv, 257, kTakeOut},
    ForeignKind{"a PNG picture, but damaged as text on its way", "PNG\r\n\x1a"sv, 0, kUntouched},
    ForeignKind{"a PNG picture, but damaged as text on its way", "PNG\n\x1a"sv, 0, kUntouched},
    ForeignKind{"a PNG picture, but damaged as text on its way", "\x89PNG\n"sv, 0, kUntouched},
    ForeignKind{"a PNG picture, but damaged as text on its way", "\x89PNG\r\r"sv, 0, kUntouched},
    ForeignKind{"a PNG picture, but damaged as text on its way", "\xef\xbf\xbdPNG"sv, 0, kUntouched},
    ForeignKind{"a PNG picture, but damaged as text on its way", "\xc2\x89PNG"sv, 0, kUntouched},
    ForeignKind{"a PNG picture, but damaged as text on its way", "?PNG"sv, 0, kUntouched},
    ForeignKind{"a JPEG picture, but damaged as text on its way", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"sv, 0, kUntouched},
    ForeignKind{"a JPEG picture, but damaged as text on its way", "\xc3\xbf\xc3\x98\xc3\xbf"sv, 0, kUntouched},
    // clang-format on
};
// Those that a byte order mark or white space may stand in front of.
constexpr std::array kTexts = {
    // clang-format off
    ForeignKind{"a PDF document",           "%PDF"sv, 0, "save the page as PNG, for example: pdftoppm -png -r 150 FILE page"},
    ForeignKind{"a PostScript document",    "%!PS"sv},
    ForeignKind{"an XPM picture",           "/* XPM"sv},
    ForeignKind{"a Radiance picture (HDR)", "#?RADIANCE"sv},
    ForeignKind{"a Radiance picture (HDR)", "#?RGBE"sv},
    ForeignKind{"a text document (RTF)",    "{\\rtf"sv, 0, kTakeOut},
    ForeignKind{"a Git LFS pointer, not the picture itself", "version https://git-lfs"sv, 0, "fetch the file: git lfs pull"},
    ForeignKind{"base64 text, encoded twice", "iVBORw0KGgo"sv, 0, kOnce},
    ForeignKind{"base64 text, encoded twice", "/9j/"sv, 0, kOnce},
    ForeignKind{"base64 text, encoded twice", "R0lGODdh"sv, 0, kOnce},
    ForeignKind{"base64 text, encoded twice", "R0lGODlh"sv, 0, kOnce},
    ForeignKind{"base64 text, encoded twice", "UklGR"sv, 0, kOnce},
    ForeignKind{"base64 text, encoded twice", "SUkqA"sv, 0, kOnce},
    ForeignKind{"base64 text, encoded twice", "TU0AK"sv, 0, kOnce},
    ForeignKind{"base64 text, encoded twice", "Z0eXB"sv, 6, kOnce},  // HEIC, AVIF
    ForeignKind{"a data: URL, encoded twice", "data:image"sv, 0, kOnce},
    // clang-format on
};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view without_spaces(std::string_view text) {
  const auto first = std::ranges::find_if_not(text, is_space);
  return text.substr(static_cast<std::size_t>(first - text.begin()));
}

// What two or more places tell; one alone would name others as well.
std::optional<ForeignKind> kind_of_structure(Bytes file) {
  const auto byte = [&](std::size_t at) { return read_uint(file, at, 1, true).value_or(0); };
  constexpr std::string_view kTgaFooter = "TRUEVISION-XFILE.\0"sv;
  if (file.size() > kTgaFooter.size() &&
      starts_with(file, kTgaFooter, file.size() - kTgaFooter.size()))
    return ForeignKind{"a Targa picture (TGA)", ""};
  const bool bits = byte(3) == 1 || byte(3) == 2 || byte(3) == 4 || byte(3) == 8;
  if (byte(0) == 10 && byte(1) <= 5 && byte(2) == 1 && bits)
    return ForeignKind{"a PCX picture", ""};
  if (starts_with(file, "\1\0\0\0"sv) && starts_with(file, " EMF"sv, 40))
    return ForeignKind{"a Windows metafile (EMF)", ""};
  if (starts_with(file, "\0\0\2\0"sv) && byte(4) != 0 && byte(5) == 0)
    return ForeignKind{"a mouse pointer (CUR)", ""};
  constexpr std::size_t kPacket = 188;
  if (byte(0) == 'G' && byte(1) < 0x80 && byte(kPacket) == 'G' &&
      (file.size() <= 2 * kPacket || byte(2 * kPacket) == 'G') && byte(3) < ' ')
    return ForeignKind{"an MPEG video (transport stream)", "", 0, kFrame};
  // The size of the first box is in front of its name.
  if (byte(0) < ' ')
    for (const std::string_view box : {"wide"sv, "mdat"sv, "free"sv, "skip"sv})
      if (starts_with(file, box, 4)) return ForeignKind{"a QuickTime video", "", 0, kFrame};
  if (byte(0) == 'P' && byte(1) >= '1' && byte(1) <= '7' && is_space(static_cast<char>(byte(2)))) {
    const auto next = static_cast<char>(byte(3));
    if ((next >= '0' && next <= '9') || next == '#' || starts_with(file, "WIDTH"sv, 3) ||
        starts_with(file, "HEIGHT"sv, 3))
      return ForeignKind{"a Netpbm picture (PBM, PGM, PPM or PAM)", ""};
  }
  for (const std::string_view magic : {"PF\n"sv, "Pf\n"sv})
    if (starts_with(file, magic)) return ForeignKind{"a Netpbm picture of floats (PFM)", ""};
  return std::nullopt;
}

// What is in front of an element: <?…?> and <!--…-->.
std::string_view without_prolog(std::string_view text) {
  while (true) {
    text = without_spaces(text);
    const bool comment = text.starts_with("<!--");
    if (!comment && !text.starts_with("<?")) return text;
    const std::string_view end = comment ? "-->" : "?>";
    const std::size_t at = text.find(end);
    if (at == std::string_view::npos) return {};
    text.remove_prefix(at + end.size());
  }
}

// `text` is in small letters.
std::optional<ForeignKind> kind_of_markup(std::string_view text) {
  const std::string_view root = without_prolog(text);
  if (root.starts_with("<!doctype html"))
    return ForeignKind{"a page of a web site (HTML), not a picture", "", 0, kPage};
  const std::size_t length = root.find_first_of(" \t\r\n/>", 1);
  const std::string_view tag =
      root.starts_with("<") && length != std::string_view::npos ? root.substr(1, length - 1) : "";
  constexpr std::array kTags = {"html"sv, "head"sv, "body"sv,  "script"sv, "div"sv, "title"sv,
                                "meta"sv, "link"sv, "style"sv, "center"sv, "h1"sv,  "p"sv};
  if (std::ranges::find(kTags, tag) != kTags.end())
    return ForeignKind{"a page of a web site (HTML), not a picture", "", 0, kPage};
  if (text.starts_with("<") &&
      (root.starts_with("<!doctype svg") || text.find("<svg") != std::string_view::npos ||
       tag.ends_with(":svg")))
    return ForeignKind{"an SVG drawing", "", 0, kDraw};
  if (text.starts_with("<?xml") || text.starts_with("<!--") || !tag.empty())
    return ForeignKind{"an XML text, not a picture", "", 0, kLook};
  return std::nullopt;
}

bool is_json(std::string_view text) {
  if (text.empty() || (text[0] != '{' && text[0] != '[')) return false;
  const std::string_view rest = without_spaces(text.substr(1));
  return !rest.empty() &&
         (text[0] == '{' ? "\"}"sv : "{[\"]-0123456789"sv).find(rest[0]) != std::string_view::npos;
}

// Of the beginning of a text in ASCII or UTF-8; nothing where it is a text like any other.
std::optional<ForeignKind> kind_of_text(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  text = without_spaces(text);
  for (const ForeignKind& kind : kTexts)
    if (text.substr(std::min(kind.at, text.size())).starts_with(kind.magic)) return kind;
  const std::string_view line = text.substr(0, text.find('\n'));
  if (line.starts_with("data:") && line.find(";base64,") != std::string_view::npos)
    return ForeignKind{"a data: URL, encoded twice", "", 0, kOnce};
  if (line.starts_with("/annex/objects/") ||
      (line.starts_with("..") && line.find("annex/objects/") != std::string_view::npos))
    return ForeignKind{"a git-annex pointer, not the picture itself", "", 0,
                       "fetch the file: git annex get FILE"};
  if (const auto markup = kind_of_markup(lower(text))) return markup;
  if (is_json(text)) return ForeignKind{"a JSON text, not a picture", "", 0, kLook};
  return std::nullopt;
}

// Printable UTF-8 and nothing else, to the last byte.
bool is_text(Bytes file) {
  Utf8Checker checker;
  for (const std::byte byte : file) {
    const auto c = static_cast<std::uint8_t>(byte);
    if ((c < ' ' && !is_space(static_cast<char>(c)) && c != '\f') || c == 0x7f || !checker.feed(c))
      return false;
  }
  return checker.complete();
}

// UTF-16 as its byte order mark says, what is not ASCII as "?".
std::string narrowed(std::string_view wide) {
  const std::size_t low = wide.starts_with("\xff\xfe") ? 0 : 1;
  std::string out;
  for (std::size_t i = 2; i + 1 < wide.size(); i += 2) {
    const char c = wide[i + low], other = wide[i + 1 - low];
    out += other == 0 && static_cast<unsigned char>(c) < 0x80 ? c : '?';
  }
  return out;
}

std::optional<ForeignKind> kind_of_any_text(Bytes file) {
  constexpr std::size_t kLookedAt = 16384;
  const ForeignKind text_like_any{"a text, not a picture", "", 0, kLook};
  const std::size_t size = std::min(file.size(), kLookedAt);
  const std::string_view beginning(reinterpret_cast<const char*>(file.data()), size);
  if (beginning.starts_with("\xff\xfe") || beginning.starts_with("\xfe\xff")) {
    const std::string text = narrowed(beginning);
    if (const auto kind = kind_of_text(text)) return kind;
    if (text.find('\0') == std::string::npos && !text.empty()) return text_like_any;
    return std::nullopt;
  }
  if (const auto kind = kind_of_text(beginning)) return kind;
  if (is_text(file)) return text_like_any;
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
    const bool says_so = what.find(", not ") != std::string_view::npos ||
                         what.find(", but ") != std::string_view::npos ||
                         what.find(", encoded ") != std::string_view::npos ||
                         what.find(", without ") != std::string_view::npos;
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
  if (const auto kind = kind_of_structure(file)) return error(kind->what, kind->hint);
  if (const auto kind = kind_of_any_text(file)) return error(kind->what, kind->hint);
  return {ErrorCode::kUnsupported, "this is not a picture that can be read",
          "send it as " + readable_formats()};
}

}  // namespace oc
