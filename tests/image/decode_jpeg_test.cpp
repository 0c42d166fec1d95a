#include <tuple>

#include "tests/image/counted_memory.h"
#include "tests/image/fixtures.h"

namespace oc {
namespace {

using test::decode;
using test::decoded;
using test::difference;
using test::error_of;
using test::JpegOptions;
using test::make_jpeg;
using test::pixel;
using test::Rgb;

constexpr std::string_view kDamaged = "the JPEG picture is damaged or cut off";
// Quality 100 without subsampling: rounding of YCbCr and of the coefficients.
constexpr int kNear = 3;

// The offset of the n-th marker with this code, counted from 0.
std::size_t find_marker(const std::string& file, int code, int n = 0) {
  std::size_t at = 2;
  for (;;) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(file.at(i)); };
    if (byte(at) != 0xff || byte(at + 1) == 0 || byte(at + 1) == 0xff) {  // within a scan
      ++at;
      continue;
    }
    if (byte(at + 1) == code && n-- == 0) return at;
    if (byte(at + 1) >= 0xd0 && byte(at + 1) <= 0xd8) {
      at += 2;
      continue;
    }
    at += 2 + byte(at + 2) * 256u + byte(at + 3);
  }
}
constexpr int kSof0 = 0xc0, kDqt = 0xdb, kSos = 0xda;

TEST(DecodeJpeg, Baseline) {
  for (const auto& [width, height] : {std::pair{32, 24}, {1, 1}, {7, 19}, {33, 8}}) {
    const Image image = test::smooth_image(width, height);
    EXPECT_LE(difference(decoded(make_jpeg(image)), image), kNear) << width;
    EXPECT_LE(difference(decoded(make_jpeg(image, {.stored = JCS_RGB})), image), kNear);
  }
}

// The same coefficients in another order.
TEST(DecodeJpeg, ProgressiveAndRestartsEqualBaseline) {
  const Image image = test::rough_image(45, 35);
  const Image baseline = decoded(make_jpeg(image, {.quality = 80}));
  EXPECT_EQ(difference(decoded(make_jpeg(image, {.progressive = true, .quality = 80})), baseline),
            0);
  EXPECT_EQ(difference(decoded(make_jpeg(image, {.restart_rows = 1, .quality = 80})), baseline), 0);
  const Image halved = decoded(make_jpeg(image, {.halved_chroma = true, .quality = 80}));
  EXPECT_EQ(difference(decoded(make_jpeg(
                           image, {.progressive = true, .halved_chroma = true, .quality = 80})),
                       halved),
            0);
  EXPECT_NE(difference(halved, baseline), 0);
}

TEST(DecodeJpeg, HalvedChromaOfSlowSlopes) {
  const Image image = test::smooth_image(64, 48);
  EXPECT_LE(difference(decoded(make_jpeg(image, {.halved_chroma = true})), image), 5);
}

TEST(DecodeJpeg, GreyIsCopiedToAllChannels) {
  std::vector<std::uint8_t> grey(24 * 16);
  for (std::size_t i = 0; i < grey.size(); ++i) grey[i] = static_cast<std::uint8_t>(i % 24 * 10);
  for (const bool progressive : {false, true}) {
    const Image image = decoded(
        make_jpeg(24, 16, grey,
                  {.from = JCS_GRAYSCALE, .stored = JCS_GRAYSCALE, .progressive = progressive}));
    ASSERT_EQ(image.rgb.size(), grey.size() * 3);
    for (std::size_t i = 0; i < grey.size(); ++i) {
      EXPECT_NEAR(image.rgb[3 * i], grey[i], 1);
      EXPECT_EQ(image.rgb[3 * i], image.rgb[3 * i + 1]);
      EXPECT_EQ(image.rgb[3 * i], image.rgb[3 * i + 2]);
    }
  }
}

// Stored inverted, as Adobe does, and read so with or without Adobe's marker, as Pillow does:
// r = (255 - k) - round(c (255 - k) / 255).
TEST(DecodeJpeg, CmykIsMultipliedOut) {
  const struct {
    Rgb cmy;
    int k;
    Rgb rgb;
  } cases[] = {{{0, 0, 0}, 0, {255, 255, 255}},  {{0, 0, 0}, 255, {0, 0, 0}},
               {{0, 255, 255}, 0, {255, 0, 0}},  {{0, 255, 255}, 55, {200, 0, 0}},
               {{255, 0, 0}, 0, {0, 255, 255}},  {{100, 50, 200}, 100, {94, 125, 33}},
               {{255, 255, 255}, 255, {0, 0, 0}}};
  for (const auto& c : cases) {
    std::vector<std::uint8_t> samples;
    for (int i = 0; i < 16 * 8; ++i)
      for (const int ink : {c.cmy[0], c.cmy[1], c.cmy[2], c.k})
        samples.push_back(static_cast<std::uint8_t>(255 - ink));
    const JpegOptions kinds[] = {{.from = JCS_CMYK, .stored = JCS_CMYK},
                                 {.from = JCS_CMYK, .stored = JCS_CMYK, .progressive = true},
                                 {.from = JCS_CMYK, .stored = JCS_CMYK, .adobe_marker = false},
                                 {.from = JCS_CMYK, .stored = JCS_YCCK}};
    for (const JpegOptions& kind : kinds) {
      const Image image = decoded(make_jpeg(16, 8, samples, kind));
      ASSERT_EQ(image.rgb.size(), 16u * 8 * 3);
      for (std::size_t i = 0; i < 3; ++i)
        EXPECT_NEAR(pixel(image, 9, 5)[i], c.rgb[i], 2)
            << "k " << c.k << (kind.adobe_marker ? "" : " without marker")
            << (kind.stored == JCS_YCCK ? " YCCK" : "");
    }
  }
}

TEST(DecodeJpeg, UnusualColourSpacesAreUnsupported) {
  const std::vector<std::uint8_t> samples(16 * 8 * 2, 77);
  const Error error =
      error_of(decode(make_jpeg(16, 8, samples, {.from = JCS_UNKNOWN, .stored = JCS_UNKNOWN})));
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_EQ(error.message, "the JPEG picture uses an unusual colour space");
}

TEST(DecodeJpeg, CutOffItIsAnError) {
  const Image image = test::rough_image(20, 18);
  for (const JpegOptions& options :
       {JpegOptions{.quality = 60}, JpegOptions{.progressive = true, .quality = 60},
        JpegOptions{.restart_rows = 1, .quality = 60}}) {
    const std::string file = make_jpeg(image, options);
    const std::size_t end = file.size() - (options.progressive ? 0 : 2);
    for (std::size_t size = 3; size < end; ++size) {
      const Error error = error_of(decode(file.substr(0, size)));
      EXPECT_EQ(error.code, ErrorCode::kCorrupt) << size;
      EXPECT_EQ(error.message, kDamaged) << size;
    }
  }
}

// Pillow needs no end marker either, when all pixels are there.
TEST(DecodeJpeg, TheEndMarkerAloneMayBeMissing) {
  for (const int restart_rows : {0, 1}) {
    const std::string file =
        make_jpeg(test::rough_image(20, 18), {.restart_rows = restart_rows, .quality = 60});
    const Image whole = decoded(file);
    EXPECT_EQ(difference(decoded(file.substr(0, file.size() - 1)), whole), 0);
    EXPECT_EQ(difference(decoded(file.substr(0, file.size() - 2)), whole), 0);
  }
}

// Its decoder goes on with zeros where bytes are missing, and says nothing.
TEST(DecodeJpeg, ArithmeticCodedOnesAreNotCutOffInSilence) {
  for (const int restart_rows : {0, 1}) {
    const std::string file =
        make_jpeg(test::rough_image(64, 64),
                  {.arithmetic = true, .restart_rows = restart_rows, .quality = 60});
    const Image whole = decoded(file);
    EXPECT_EQ(difference(decoded(file.substr(0, file.size() - 2)), whole), 0);
    const std::size_t scan = find_marker(file, kSos) + 14;
    for (std::size_t size = scan; size < scan + (file.size() - scan) * 4 / 5; size += 5)
      EXPECT_EQ(error_of(decode(file.substr(0, size))).message, kDamaged) << size;
  }
}

TEST(DecodeJpeg, ArithmeticCodedOnesHaveALimitOfTheirOwn) {
  std::string file = make_jpeg(test::rough_image(64, 64), {.arithmetic = true});
  const std::size_t frame = find_marker(file, 0xc9);
  ASSERT_NE(frame, std::string::npos);
  file.replace(frame + 5, 4, "\x30\x00\x40\x00", 4);  // 12,288 rows of 16,384 pixels
  const Error error = error_of(test::probe(file, {.max_pixels = 300'000'000}));
  EXPECT_EQ(error.code, ErrorCode::kTooLarge);
  EXPECT_TRUE(test::has(error.message, "arithmetic-coded")) << error.message;
}

// libjpeg only warns and invents the rest.
TEST(DecodeJpeg, PixelsThatAreNotThereAreAnError) {
  const Image image = test::rough_image(40, 40);
  for (const bool progressive : {false, true})
    for (const int restart_rows : {0, 1}) {
      const std::string file = make_jpeg(
          image, {.progressive = progressive, .restart_rows = restart_rows, .quality = 60});
      ASSERT_TRUE(decode(file).ok());
      const std::size_t scan = find_marker(file, kSos) + 14, end = file.size() - 2;
      int cuts = 0;
      for (std::size_t at = scan; at < end; at += 7) {
        if (file[at] == '\xff' || file[at - 1] == '\xff') continue;  // between two scans it may end
        EXPECT_EQ(error_of(decode(file.substr(0, at) + "\xff\xd9")).message, kDamaged)
            << at << " of " << end << ", restarts " << restart_rows;
        ++cuts;
      }
      EXPECT_GT(cuts, 100);
    }
}

TEST(DecodeJpeg, CodesThatDoNotExistAreAnError) {
  std::string file = make_jpeg(test::rough_image(40, 40), {.quality = 60});
  const std::size_t scan = find_marker(file, kSos) + 14;
  for (std::size_t i = scan + 100; i < scan + 140; i += 2) file.replace(i, 2, "\xff\0", 2);
  EXPECT_EQ(error_of(decode(file)).message, kDamaged) << "all ones are no Huffman code";
}

// What cameras leave behind, and what every reader forgives.
TEST(DecodeJpeg, HarmlessBytesAreForgiven) {
  const Image image = test::smooth_image(24, 16);
  const std::string file = make_jpeg(image);
  const Image plain = decoded(file);
  const std::size_t end = file.size() - 2, dqt = find_marker(file, kDqt);
  const std::pair<const char*, std::string> cases[] = {
      {"zeros after the scan", file.substr(0, end) + std::string(5, '\0') + file.substr(end)},
      {"bytes behind the end", file + "trailer\xff\xd8"},
      {"fill bytes before a marker", file.substr(0, dqt) + "\xff\xff\xff" + file.substr(dqt)},
      {"a comment", file.substr(0, dqt) + std::string("\xff\xfe\0\5abc", 7) + file.substr(dqt)},
  };
  for (const auto& [what, bytes] : cases) {
    const auto result = decode(bytes);
    ASSERT_TRUE(result.ok()) << what << ": " << result.error().describe();
    EXPECT_EQ(difference(*result, plain), 0) << what;
  }
}

// `file` with its second scan `more` times over: it refines nothing, and takes a few bytes.
std::string with_scans(const std::string& file, int more) {
  const std::size_t scan = find_marker(file, kSos, 1), next = find_marker(file, kSos, 2);
  const std::string again = file.substr(scan, next - scan);
  std::string bytes = file.substr(0, next);
  for (int i = 0; i < more; ++i) bytes += again;
  return bytes + file.substr(next);
}

// A few kilobytes of scans that refine nothing would keep a decoder busy for minutes.
TEST(DecodeJpeg, AFileOfTooManyScansIsRefused) {
  const std::vector<std::uint8_t> grey(16 * 16, 90);
  const std::string file = make_jpeg(
      16, 16, grey, {.from = JCS_GRAYSCALE, .stored = JCS_GRAYSCALE, .progressive = true});
  const int scans = test::probe(file)->scans;
  EXPECT_EQ(scans, 6);
  const std::string most = with_scans(file, 200 - scans), one_more = with_scans(file, 201 - scans);
  EXPECT_EQ(test::probe(most)->scans, 200);
  EXPECT_TRUE(decode(most).ok());
  for (const Error& error : {error_of(test::probe(one_more)), error_of(decode(one_more))}) {
    EXPECT_EQ(error.code, ErrorCode::kTooLarge);
    EXPECT_EQ(error.message, "the JPEG picture of 16x16 pixels comes in more than 200 scans");
    EXPECT_EQ(error.hint, "save it again as an ordinary JPEG");
  }
}

TEST(DecodeJpeg, FewerScansTheLargerThePicture) {
  const Image image = test::smooth_image(40, 30);
  const std::string file = make_jpeg(image, {.progressive = true});
  EXPECT_EQ(test::probe(file)->scans, 10);
  EXPECT_TRUE(decode(file, {.max_scan_pixels = 40 * 30 * 10}).ok());
  const Error error = error_of(decode(file, {.max_scan_pixels = 40 * 30 * 10 - 1}));
  EXPECT_EQ(error.code, ErrorCode::kTooLarge);
  EXPECT_EQ(error.message, "the JPEG picture of 40x30 pixels comes in more than 9 scans");
  // One scan is always allowed, and the largest picture may come in as many as any program writes.
  EXPECT_TRUE(decode(make_jpeg(image), {.max_scan_pixels = 1}).ok());
  const ImageLimits limits;
  EXPECT_EQ(limits.max_scan_pixels / limits.max_pixels, 20);
  const std::string cmyk = make_jpeg(8, 8, std::vector<std::uint8_t>(8 * 8 * 4, 9),
                                     {.from = JCS_CMYK, .stored = JCS_CMYK, .progressive = true});
  EXPECT_EQ(test::probe(cmyk)->scans, 18);
}

TEST(DecodeJpeg, DataBesideThePixelsIsSteppedOver) {
  const Image image = test::smooth_image(24, 16);
  const std::string file = make_jpeg(image);
  const std::size_t dqt = find_marker(file, kDqt);
  std::string beside;
  for (int marker = 0xe0; marker <= 0xef; ++marker)  // APP0 to APP15, each 64 KB
    if (marker != 0xee)
      beside += std::string("\xff") + static_cast<char>(marker) + "\xff\xff" +
                std::string(0xffff - 2, 'x');
  beside += "\xff\xfe\xff\xff" + std::string(0xffff - 2, 'c');
  const std::string large = file.substr(0, dqt) + beside + file.substr(dqt);
  const auto bytes = test::as_bytes(large);
  const test::CountedMemory counted;
  const auto result = decode_image(bytes, {});
  ASSERT_TRUE(result.ok());
  if (test::memory_is_counted()) {
    EXPECT_LT(counted.total(), 128u << 10);
  }
  EXPECT_EQ(difference(*result, decoded(file)), 0);
}

TEST(DecodeJpeg, OnlyTheFirstExifCounts) {
  const Image image = test::smooth_image(32, 16);
  const auto turned = [&](std::vector<std::string> app1) {
    return decoded(make_jpeg(image, {.app1 = std::move(app1)})).width == 16;
  };
  const std::string six = test::kExifHead + test::exif_block(6),
                    one = test::kExifHead + test::exif_block(1);
  EXPECT_FALSE(turned({}));
  EXPECT_TRUE(turned({six}));
  EXPECT_TRUE(turned({"http://ns.adobe.com/xap/1.0/", six})) << "XMP uses the same marker";
  EXPECT_TRUE(turned({six, one}));
  EXPECT_FALSE(turned({one, six}));
  EXPECT_FALSE(turned({six.substr(0, 20)})) << "cut off within the block";
}

TEST(DecodeJpeg, StructuresThatLieAreErrors) {
  const std::string file = make_jpeg(test::smooth_image(24, 16));
  const std::size_t frame = find_marker(file, kSof0), scan = find_marker(file, kSos),
                    tables = find_marker(file, kDqt);
  const auto with = [&](std::size_t at, std::string_view bytes) {
    std::string changed = file;
    return changed.replace(at, bytes.size(), bytes);
  };
  const std::pair<const char*, std::string> cases[] = {
      {"no width", with(frame + 7, std::string("\0\0", 2))},
      {"no height", with(frame + 5, std::string("\0\0", 2))},
      {"no frame", file.substr(0, frame) + file.substr(frame + 19)},
      {"frame behind the scan", file.substr(0, frame) + file.substr(scan)},
      {"no tables", file.substr(0, tables) + file.substr(frame)},
      {"segment of length 0", with(tables + 2, std::string("\0\0", 2))},
      {"segment of length 1", with(tables + 2, std::string("\0\1", 2))},
      {"segment past the end", with(tables + 2, "\xff\xff")},
      {"nothing but the start", std::string("\xff\xd8\xff", 3)},
      {"the end at once", std::string("\xff\xd8\xff\xd9", 4)},
      {"no component", with(frame + 9, std::string("\0", 1))},
      {"nine components", with(frame + 9, "\x09")},
      {"seven bits", with(frame + 4, "\x07")},
  };
  for (const auto& [what, bytes] : cases) {
    const Error error = error_of(decode(bytes));
    EXPECT_EQ(error.code, ErrorCode::kCorrupt) << what;
    EXPECT_EQ(error.message, kDamaged) << what;
  }
}

TEST(DecodeJpeg, KindsThatAreNotDecodedAreNamed) {
  const std::string file = make_jpeg(test::smooth_image(24, 16));
  const std::size_t frame = find_marker(file, kSof0);
  for (const auto& [at, byte, name] :
       {std::tuple{frame + 4, '\x0c', "12 bits a sample"}, {frame + 1, '\xc3', "lossless JPEG"}}) {
    std::string changed = file;
    changed[at] = byte;
    const Error error = error_of(decode(changed));
    EXPECT_EQ(error.code, ErrorCode::kUnsupported) << name;
    EXPECT_TRUE(test::has(error.message, name)) << error.message;
    EXPECT_EQ(error.hint, "save it as an ordinary JPEG or PNG");
  }
}

// What webcams, doorbells and Photoshop leave between segments, read over as libjpeg does.
TEST(DecodeJpeg, StrayBytesBetweenSegmentsAreReadOver) {
  const std::string file =
      make_jpeg(test::smooth_image(24, 16), {.app1 = {test::kExifHead + test::exif_block(6)}});
  const Image plain = decoded(file);
  ASSERT_EQ(plain.width, 16) << "turned";
  for (const int marker : {0xe1, kDqt, kSof0, kSos})
    for (const std::string& stray :
         {std::string("x"), std::string(608, '\0'), std::string("\xff\0\xff\0", 4),
          std::string("\xff\xff\0ab", 5)}) {
      std::string bytes = file;
      bytes.insert(find_marker(file, marker), stray);
      const auto result = decode(bytes);
      ASSERT_TRUE(result.ok()) << marker << ": " << result.error().describe();
      EXPECT_EQ(difference(*result, plain), 0) << marker;
      EXPECT_EQ(result->note, "");
    }
}

// A bit or two within a scan: what cameras' cables and cards do.
TEST(DecodeJpeg, AFewBitErrorsAreForgivenAndNoted) {
  const Image image = test::smooth_image(320, 240);
  for (const int restart_rows : {0, 1}) {
    const std::string file = make_jpeg(image, {.restart_rows = restart_rows, .quality = 75});
    const std::size_t scan = find_marker(file, kSos) + 14;
    const Image whole = decoded(file);
    int noted = 0, refused = 0, silent = 0, wrong = 0, told = 0;
    for (std::size_t at = scan; at + 2 < file.size(); at += 11) {
      std::string damaged = file;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
      const auto result = decode(damaged);
      if (!result.ok())
        ++refused;
      else
        ++(result->note.empty() ? silent : noted);
      if (result.ok() && !result->note.empty()) {
        EXPECT_TRUE(test::has(result->note, "bit error")) << result->note;
      }
      // What lies beside every place of the picture is another picture.
      if (result.ok() && difference(*result, whole) > 60) ++(result->note.empty() ? wrong : told);
    }
    EXPECT_GT(noted, 10) << restart_rows;
    EXPECT_GT(noted + silent, 4 * refused) << restart_rows;
    EXPECT_GT(told, wrong) << restart_rows;
  }
}

// Not every flip can be seen, but none may crash or change what was announced.
TEST(DecodeJpeg, NoFlippedBitIsDangerous) {
  const std::string file =
      make_jpeg(test::rough_image(17, 9), {.progressive = true, .quality = 50});
  int refused = 0;
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const auto info = test::probe(damaged);
    const auto image = decode(damaged, {.max_pixels = 100'000});
    if (!image.ok()) {
      ++refused;
      continue;
    }
    ASSERT_TRUE(info.ok()) << bit;
    EXPECT_EQ(image->width, info->width) << bit;
    EXPECT_EQ(image->rgb.size(),
              static_cast<std::size_t>(info->width) * static_cast<std::size_t>(info->height) * 3);
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace oc
