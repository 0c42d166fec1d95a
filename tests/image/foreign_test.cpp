// What is no picture that can be read is called by its name, and it is said what to do.
#include "image/foreign.h"

#include "tests/image/fixtures.h"

namespace oc {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using test::decode;
using test::error_of;
using test::has;
using test::number;

void expect_named(std::string_view bytes, std::string_view name, std::string_view hint) {
  const Error error = error_of(decode(bytes));
  EXPECT_EQ(error.code, ErrorCode::kUnsupported) << name;
  EXPECT_TRUE(has(error.message, name)) << error.message << ", not " << name;
  EXPECT_TRUE(has(error.hint, hint)) << error.hint << ", not " << hint;
  EXPECT_TRUE(has(error.hint, "JPEG, PNG, WebP")) << error.hint;
}

TEST(Foreign, PicturesOfOtherKinds) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"MM\0+\0\x08\0\0"sv, "a large TIFF picture"},
      {"\0\0\0\x0cjP  \r\n\x87\n"sv, "a JPEG 2000 picture"},
      {"\xff\x0a\x7f"sv, "a JPEG XL picture"},
      {"\0\0\0\x0cJXL \r\n\x87\n"sv, "a JPEG XL picture"},
      {"8BPS\0\1"sv, "a Photoshop picture"},
      {"\0\0\1\0\1\0"sv, "an icon"},
      {"\0\0\2\0\1\0"sv, "a mouse pointer (CUR)"},
      {"qoif\0\0"sv, "a QOI picture"},
      {"P1 2 2"sv, "a Netpbm picture"},
      {"P2\n2 2"sv, "a Netpbm picture"},
      {"P3\n# made by"sv, "a Netpbm picture"},
      {"P4\n2 2\n\0\0"sv, "a Netpbm picture"},
      {"P5\n2 2\n255\n\0"sv, "a Netpbm picture"},
      {"P6\n2 2\n255\n\0"sv, "a Netpbm picture"},
      {"P7\nWIDTH 2\n"sv, "a Netpbm picture"},
      {"PF\n2 2\n-1.0\n"sv, "(PFM)"},
      {"Pf\n2 2\n-1.0\n"sv, "(PFM)"},
      {"\0\0\2\0\0\0\0\0\0\0TRUEVISION-XFILE.\0"sv, "a Targa picture"},
      {"\x0a\5\1\x08\0\0"sv, "a PCX picture"},
      {"\xd7\xcd\xc6\x9a\0\0"sv, "(WMF)"},
      {"\1\0\0\0....................................\x20"
       "EMF"sv,
       "(EMF)"},
      {"\xc5\xd0\xd3\xc6\x20\0"sv, "(EPS)"},
      {"#?RADIANCE\n"sv, "a Radiance picture"},
      {"#?RGBE\n"sv, "a Radiance picture"},
      {"/* XPM */\nstatic"sv, "an XPM picture"},
      {"\x8aMNG\r\n\x1a\n"sv, "an MNG animation"},
      {"\x8bJNG\r\n\x1a\n"sv, "a JNG picture"},
      {"\1\xda\1\1\0"sv, "an SGI picture"}};
  for (const auto& [bytes, name] : cases) expect_named(bytes, name, "save it as JPEG or PNG");
}

// Only in a build without their libraries.
TEST(Foreign, WhatIsLeftOutIsSaid) {
  const auto expect_left_out = [](std::string_view bytes, ImageFormat format) {
    if (is_built_in(format)) return;
    expect_named(bytes, "made without", "save it as JPEG or PNG");
    expect_named(bytes, to_string(format), "");
  };
  expect_left_out(
      "\0\0\0\x18"
      "ftypavif"sv,
      ImageFormat::kAvif);
  expect_left_out(
      "\0\0\0\x18"
      "ftypheic"sv,
      ImageFormat::kHeic);
  expect_left_out("II*\0\x08\0\0\0\x01\0\x11\x01\4\0\1\0\0\0\x1a\0\0\0\0\0\0\0"sv,
                  ImageFormat::kTiff);
}

TEST(Foreign, VideosAndDocuments) {
  for (const auto& [bytes, name] :
       {std::pair{"\x1a\x45\xdf\xa3\x9f"sv, "a WebM or Matroska video"sv},
        {"\0\0\0\x20"
         "ftypisom"sv,
         "an MP4 video"},
        {"\0\0\0\x14"
         "ftypqt  "sv,
         "a QuickTime video"},
        {"RIFF\0\0\0\0AVI LIST"sv, "an AVI video"}})
    expect_named(bytes, name, "ffmpeg");
  for (const std::string_view box : {"wide"sv, "mdat"sv, "free"sv, "skip"sv, "moov"sv})
    expect_named("\0\0\0\x08"s + std::string(box) + "\0\0"s, "a QuickTime video", "ffmpeg");
  expect_named("\x30\x26\xb2\x75\x8e\x66\xcf\x11"sv, "(ASF)", "ffmpeg");
  std::string stream(600, '\0');
  for (const std::size_t at : {0, 188, 376}) stream[at] = 'G';
  expect_named(stream, "an MPEG video", "ffmpeg");
  for (const char* document : {"%PDF-1.7", "\xef\xbb\xbf%PDF-1.7", "\r\n%PDF-1.4"})
    expect_named(document, "a PDF document", "pdftoppm");
  expect_named("AT&TFORM\0\0\0\0DJVU"sv, "a DjVu document", "ddjvu");
}

TEST(Foreign, Sounds) {
  for (const auto& [bytes, name] : {std::pair{"ID3\3\0\0"sv, "an MP3 sound"sv},
                                    {"ID3\4\0\0"sv, "an MP3 sound"},
                                    {"ID3\2\0\0"sv, "an MP3 sound"},
                                    {"\xff\xfb\x90\x64"sv, "an MP3 sound"},
                                    {"\xff\xf3\x90\x64"sv, "an MP3 sound"},
                                    {"\xff\xf2\x90\x64"sv, "an MP3 sound"},
                                    {"\xff\xf1\x50\x80"sv, "an AAC sound"},
                                    {"\xff\xf9\x50\x80"sv, "an AAC sound"},
                                    {"OggS\0\2"sv, "an Ogg sound"},
                                    {"fLaC\0"sv, "a FLAC sound"},
                                    {"\0\0\0\x18\x66typM4A "sv, "(M4A)"},
                                    {"\0\0\0\x18\x66typM4B "sv, "(M4B)"},
                                    {"RIFF\0\0\0\0WAVEfmt "sv, "a WAV sound"}})
    expect_named(bytes, name, "send a picture");
}

TEST(Foreign, Archives) {
  const std::string tar = "x.png" + std::string(252, '\0') + "ustar\00000"s;
  for (const auto& [bytes, name] :
       {std::pair{"PK\3\4aaaa"sv, "a ZIP archive"sv},
        {"7z\xbc\xaf\x27\x1c"sv, "a 7-Zip archive"},
        {"Rar!\x1a\7\1\0"sv, "a RAR archive"},
        {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv, "an old Office document"},
        {std::string_view(tar), "a tar archive"},
        {"{\\rtf1 hello \"x\"}"sv, "(RTF)"}})
    expect_named(bytes, name, "take the picture out of it");
  for (const auto& [bytes, name] : {std::pair{"\x1f\x8b\x08"sv, "a gzip archive"sv},
                                    {"\xfd"
                                     "7zXZ\0"sv,
                                     "an XZ archive"},
                                    {"BZh91AY&SY"sv, "a bzip2 archive"},
                                    {"\x28\xb5\x2f\xfd"sv, "a Zstandard archive"}})
    expect_named(bytes, name, "unpack it first");
  expect_named("\x1f\x8b\x08", "a gzip archive", "SVGZ");
  expect_named("PK\5\6\0\0"sv, "an empty ZIP archive", "send a picture");
}

TEST(Foreign, PicturesThatWereSentAsText) {
  for (const std::string_view png :
       {"PNG\r\n\x1a\n"sv, "PNG\n\x1a\n"sv, "\x89PNG\n\x1a\n"sv, "\x89PNG\r\r\n"sv,
        "\xef\xbf\xbdPNG\r\n\x1a\n"sv, "\xc2\x89PNG\r\n\x1a\n"sv, "?PNG\r\n\x1a\n"sv})
    expect_named(png, "a PNG picture, but damaged as text on its way", "as they are");
  for (const std::string_view jpeg :
       {"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\0\x10JFIF"sv,
        "\xc3\xbf\xc3\x98\xc3\xbf\xc3\xa0\0\x10JFIF"sv})
    expect_named(jpeg, "a JPEG picture, but damaged as text on its way", "as they are");
}

TEST(Foreign, TextThatStandsForAPicture) {
  expect_named("version https://git-lfs.github.com/spec/v1\noid sha256:1", "a Git LFS pointer",
               "git lfs pull");
  for (const char* page :
       {"<!DOCTYPE html><html>", "\xef\xbb\xbf\n <HTML lang=en>", "<head>", "<!-- x -->\n<html>",
        "<body>404</body>", "<script>x</script>", "<div class=a>", "<html><body><svg></svg>"})
    expect_named(page, "a page of a web site", "often an error");
  for (const char* drawing :
       {"<svg xmlns=", "\xef\xbb\xbf<svg>", "<?xml version=\"1.0\"?>\n<!-- x --><svg>",
        "<!DOCTYPE svg PUBLIC \"x\"><svg/>", "<svg:svg xmlns:svg=\"x\"/>"})
    expect_named(drawing, "an SVG drawing", "browser");
  expect_named("<?xml version=\"1.0\"?><!--" + std::string(3000, 'x') + "--><svg></svg>",
               "an SVG drawing", "browser");
  for (const std::string_view wide : {"\xff\xfe<\0s\0v\0g\0>\0"sv, "\xfe\xff\0<\0s\0v\0g\0>"sv})
    expect_named(wide, "an SVG drawing", "browser");
  expect_named("\xff\xfeh\0i\0"sv, "a text, not a picture", "really gives");
  for (const char* text :
       {"<?xml version=\"1.0\"?><a/>", "<Error><Code>AccessDenied</Code></Error>"}) {
    expect_named(text, "an XML text, not a picture", "really gives");
    EXPECT_FALSE(has(error_of(decode(text)).hint, "screen"));
  }
  for (const char* text : {"{\"error\": 1}", "{}", "[{\"error\": 1}]", "[ 1, 2]"})
    expect_named(text, "a JSON text", "error");
  for (const char* text : {"404: Not Found\n", "\"not found\"", "[InternetShortcut]", "<",
                           "Gr\xc3\xbc\xc3\x9f"
                           "e",
                           "The free plan is over", "P5 is a name"})
    expect_named(text, "a text, not a picture", "really gives");
  for (const char* text :
       {"iVBORw0KGgoAAA", "/9j/4AAQSkZJRg", "\n/9j/4AAQSkZJRg", "R0lGODlhAQAB", "R0lGODdhAQAB",
        "UklGRiQAAABXRUJQ", "SUkqAAgA", "TU0AKgAA", "AAAAGGZ0eXBoZWlj",
        "data:image/png;base64,AAAA", "data:application/octet-stream;base64,AAAA"})
    expect_named(text, "encoded twice", "once");
  for (const char* text : {"../../.git/annex/objects/xx/yy", "/annex/objects/SHA256E-s1--a.png\n"})
    expect_named(text, "a git-annex pointer", "git annex get");
}

// Entries of the first directory: tag, type, count, value.
std::string tiff(std::initializer_list<std::array<std::uint32_t, 4>> entries,
                 std::string rest = {}) {
  std::string out = "II*" + std::string(1, '\0') + number(8, 4, true) +
                    number(static_cast<std::uint32_t>(entries.size()), 2, true);
  for (const auto& [tag, type, count, value] : entries)
    out += number(tag, 2, true) + number(type, 2, true) + number(count, 4, true) +
           number(value, 4, true);
  return out + number(0, 4, true) + rest;
}

TEST(Foreign, RawFilesOfCameras) {
  expect_named(tiff({{50706, 1, 4, 0x0401}}), "(DNG)", "develop");
  // The small picture first, the sensor's data below it.
  expect_named(tiff({{254, 4, 1, 1}, {271, 2, 6, 64}, {330, 4, 1, 99}},
                    "......NIKON" + std::string(1, '\0')),
               "raw file", "develop");
  EXPECT_EQ(
      raw_kind(test::as_bytes(tiff({{254, 4, 1, 1}, {271, 2, 4, 0x796e6f53}, {330, 4, 1, 9}}))),
      "a Sony raw file");
  expect_named("II*\0\x10\0\0\0CR\2\0"sv, "a Canon raw file (CR2)", "develop");
  expect_named("II\x1a\0\0\0HEAPCCDR"sv, "a Canon raw file (CRW)", "develop");
  expect_named("\0MRM\0\0"sv, "a Minolta raw file", "develop");
  expect_named("FUJIFILMCCD-RAW 0201", "a Fujifilm raw file", "develop");
  expect_named(std::string("II*\0", 4) + std::string(100, '\0'), "without a picture", "develop");
  EXPECT_EQ(raw_kind(test::as_bytes(tiff({{273, 4, 1, 8}, {271, 2, 4, 0x796e6f53}}))), "");
}

TEST(Foreign, WhatIsNothingIsRefused) {
  for (const std::string_view bytes :
       {""sv, "\xff"sv, "\xff\xd8"sv, "\x89PNG"sv, "RIFF"sv, "GIF88a"sv, "BM"sv,
        "\0\0\0\0\0\0\0\0\0\0\0\0"sv, "hello"sv}) {
    const Error error = error_of(decode(bytes));
    EXPECT_TRUE(error.code == ErrorCode::kUnsupported || error.code == ErrorCode::kCorrupt)
        << bytes;
  }
  EXPECT_EQ(error_of(decode("")).message, "the picture has no bytes");
  EXPECT_EQ(error_of(decode("\1\2\3\4")).message, "this is not a picture that can be read");
}

}  // namespace
}  // namespace oc
