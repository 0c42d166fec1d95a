// HEIC and AVIF as a person sees them.
#include <lcms2.h>

#include "image/isolated/heif_image.h"
#include "image/isolated/request.h"
#include "tests/image/isolated/picture_files.h"

namespace oc {
namespace {

using test::decoded;
using test::difference;
using test::error_of;
using test::kLossy;
using test::picture_file;
using test::pixel;
using test::Rgb;
using test::slope;
using test::turned;
using test::with_box;
using test::without_box;

constexpr std::array kSuffixes = {"heic", "avif"};
ImageFormat format_of(std::string_view suffix) {
  return suffix == "heic" ? ImageFormat::kHeic : ImageFormat::kAvif;
}

class DecodeHeif : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!is_built_in(format_of(GetParam()))) GTEST_SKIP() << "not built in";
  }
  static std::string file(const std::string& name) { return picture_file(name + "." + GetParam()); }
  static bool heic() { return format_of(GetParam()) == ImageFormat::kHeic; }
};
INSTANTIATE_TEST_SUITE_P(Formats, DecodeHeif, testing::ValuesIn(kSuffixes),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(DecodeHeif, AreRead) {
  const auto info = test::probe(file("slope"));
  ASSERT_TRUE(info.ok()) << info.error().describe();
  EXPECT_EQ(info->format, format_of(GetParam()));
  EXPECT_EQ(info->width, 64);
  EXPECT_EQ(info->height, 64);
  EXPECT_EQ(info->channels, 3);
  const Image image = decoded(file("slope"));
  EXPECT_LE(difference(image, slope(64, 64)), kLossy);
  EXPECT_EQ(image.note, "");
}

// By what they hold: AVIF's major brand is often that of all HEIF files.
TEST_P(DecodeHeif, AreToldApartByTheirCoding) {
  const std::string brand = heic() ? "heic" : "mif1";
  for (const std::string_view other : {"mif1", "heic", "avif", "miaf", "msf1"}) {
    const auto info = test::probe(with_box(file("slope"), "ftyp", 0, other));
    ASSERT_TRUE(info.ok()) << other;
    EXPECT_EQ(info->format, format_of(GetParam())) << other;
  }
  const auto video = test::probe(with_box(file("slope"), "ftyp", 0, "isom"));
  EXPECT_TRUE(test::has(error_of(video).message, "video"));
}

TEST_P(DecodeHeif, AreTurnedInAllWays) {
  // Quarters to the left, then a mirror: -1 none, 0 top and bottom change places, 1 left and right.
  const std::array<std::array<int, 3>, 12> kCases = {{{0, -1, 1},
                                                      {3, -1, 6},
                                                      {2, -1, 3},
                                                      {1, -1, 8},
                                                      {0, 1, 2},
                                                      {0, 0, 4},
                                                      {1, 0, 5},
                                                      {3, 0, 7},
                                                      {1, 1, 7},
                                                      {3, 1, 5},
                                                      {2, 0, 2},
                                                      {2, 1, 4}}};
  // 48x40 of the picture's 64x64 are shown, about a middle that is 4 and 2 off.
  const Image shown = slope(48, 40, 12, 14);
  for (const auto& [quarters, mirror, orientation] : kCases) {
    std::string changed =
        with_box(file("changed"), "irot", 0, std::string(1, static_cast<char>(quarters)));
    changed = mirror < 0 ? without_box(changed, "imir")
                         : with_box(changed, "imir", 0, std::string(1, static_cast<char>(mirror)));
    const auto info = test::probe(changed);
    ASSERT_TRUE(info.ok()) << info.error().describe();
    EXPECT_EQ(info->width, 48);
    EXPECT_EQ(info->height, 40);
    EXPECT_EQ(info->exif_orientation, orientation) << quarters << ", " << mirror;
    EXPECT_LE(difference(decoded(changed), turned(shown, orientation)), kLossy)
        << quarters << ", " << mirror;
  }
}

TEST_P(DecodeHeif, ACutThatMakesNoSenseIsAnError) {
  const auto cut = [&](std::uint32_t width, std::uint32_t divisor, std::uint32_t offset) {
    std::string bytes;
    for (const std::uint32_t word : {width, divisor, 40u, 1u, offset, 1u})
      bytes += test::number(word, 4, false);
    return with_box(file("changed"), "clap", 0, bytes);
  };
  EXPECT_TRUE(test::probe(cut(48, 1, 8)).ok());
  EXPECT_EQ(test::probe(cut(97, 2, 0))->width, 48);
  for (const auto& wrong : {cut(0, 1, 0), cut(48, 0, 0), cut(65, 1, 0), cut(48, 1, 9),
                            cut(48, 1, ~0u - 8), cut(48, 1, 1u << 31), cut(~0u, 1, 0)})
    EXPECT_EQ(error_of(test::probe(wrong)).code, ErrorCode::kCorrupt);
}

TEST_P(DecodeHeif, TilesArePutTogether) {
  const std::string grid = file("grid");
  EXPECT_LE(difference(decoded(grid), slope(100, 90, 0, 0, 100, 90)), kLossy);
  // A grid of other sizes than its tiles can fill, or of fewer tiles.
  const std::size_t at = grid.find(std::string("\0\0\1\1\0\x64\0\x5a", 8));
  ASSERT_NE(at, std::string::npos);
  for (const auto& [place, byte] : {std::pair{2, 2}, {3, 0}, {5, 0x81}, {7, 0x81}, {5, 0}}) {
    std::string wrong = grid;
    wrong[at + static_cast<std::size_t>(place)] = static_cast<char>(byte);
    EXPECT_EQ(error_of(test::probe(wrong)).code, ErrorCode::kCorrupt) << place;
  }
}

TEST_P(DecodeHeif, TransparencyShowsTheBackground) {
  const auto info = test::probe(file("alpha"));
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->channels, 4);
  const auto over = [&](Rgb background) {
    const Image image = slope(64, 64);
    return test::make_image(64, 64, [&](int x, int y) {
      const int alpha = 255 - 255 * x / 63;
      Rgb out;
      for (std::size_t i = 0; i < 3; ++i)
        out[i] = (pixel(image, x, y)[i] * alpha + background[i] * (255 - alpha)) / 255;
      return out;
    });
  };
  EXPECT_LE(difference(decoded(file("alpha")), over({255, 255, 255})), kLossy);
  EXPECT_LE(difference(decoded(file("alpha"), {.background = {{0, 0, 255}}}), over({0, 0, 255})),
            kLossy);
  EXPECT_LE(difference(test::as_reference(file("alpha")), slope(64, 64)), kLossy);
  // What says that it is no alpha.
  std::string depth = file("alpha");
  depth.replace(depth.find("auxiliary:alpha"), 15, "auxiliary:depth");
  EXPECT_EQ(test::probe(depth)->channels, 3);
}

TEST_P(DecodeHeif, Grey) {
  EXPECT_EQ(test::probe(file("grey"))->channels, 1);
  const Image expected = test::make_image(64, 64, [](int x, int) {
    const int value = 255 - 255 * x / 63;
    return Rgb{value, value, value};
  });
  EXPECT_LE(difference(decoded(file("grey")), expected), kLossy);
}

// Primaries that the boxes name by number, against a profile that lcms makes of what they are.
TEST_P(DecodeHeif, DisplayP3BecomesSrgb) {
  const cmsCIExyY white = {0.3127, 0.3290, 1};
  const cmsCIExyYTRIPLE primaries = {{0.680, 0.320, 1}, {0.265, 0.690, 1}, {0.150, 0.060, 1}};
  cmsFloat64Number curve[] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
  cmsToneCurve* one = cmsBuildParametricToneCurve(nullptr, 4, curve);
  cmsToneCurve* curves[] = {one, one, one};
  const cmsHPROFILE p3 = cmsCreateRGBProfile(&white, &primaries, curves);
  const cmsHPROFILE srgb = cmsCreate_sRGBProfile();
  const cmsHTRANSFORM transform =
      cmsCreateTransform(p3, TYPE_RGB_8, srgb, TYPE_RGB_8, INTENT_PERCEPTUAL, 0);
  const Image raw = decoded(file("p3"), {.convert_profiles = false});
  EXPECT_LE(difference(raw, slope(64, 64)), kLossy);
  Image expected = raw;
  cmsDoTransform(transform, raw.rgb.data(), expected.rgb.data(), 64 * 64);
  EXPECT_LE(difference(decoded(file("p3")), expected), 1);
  EXPECT_GT(difference(decoded(file("p3")), raw), 10);
  cmsDeleteTransform(transform);
  cmsCloseProfile(srgb);
  cmsCloseProfile(p3);
  cmsFreeToneCurve(one);
}

TEST_P(DecodeHeif, HdrIsNamed) {
  for (const int transfer : {16, 18}) {
    std::string hdr = with_box(file("p3"), "nclx", 2, test::number(transfer, 2, false));
    const Image image = decoded(hdr);
    EXPECT_TRUE(test::has(image.note, "HDR")) << image.note;
    EXPECT_LE(difference(image, slope(64, 64)), kLossy) << "as it is stored";
  }
}

TEST_P(DecodeHeif, CutOffAnywhereIsAnError) {
  const std::string whole = file("alpha");
  for (std::size_t size = 12; size < whole.size(); ++size) {
    const auto info = test::probe(whole.substr(0, size));
    ASSERT_FALSE(info.ok()) << size;
    EXPECT_TRUE(info.error().code == ErrorCode::kCorrupt ||
                info.error().code == ErrorCode::kUnsupported)
        << size << info.error().message;
  }
  EXPECT_TRUE(test::probe(whole + "what some phones append").ok());
}

// In this process, where a wrong access would end it.
TEST_P(DecodeHeif, NoFlippedBitIsDangerous) {
  for (const char* name : {"changed", "alpha", "grid"}) {
    const std::string whole = file(name);
    int refused = 0;
    for (std::size_t bit = 0; bit<whole.size() * 8; bit += bit> 4000 ? 5 : 1) {
      std::string damaged = whole;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
      const auto info = test::probe(damaged, {.max_pixels = 100'000});
      if (!info.ok() || info->channels < 3) {
        ++refused;
        continue;
      }
      if (info->format != format_of(GetParam())) continue;
      const PixelRequest request{.coder = Coder::kHeif,
                                 .samples = info->channels == 4 ? Samples::kRgba : Samples::kRgb,
                                 .width = info->width,
                                 .height = info->height};
      std::vector<std::uint8_t> pixels(request.pixel_bytes());
      if (decode_pixels(request, test::as_bytes(damaged), pixels) != HelperStatus::kDone) ++refused;
    }
    EXPECT_GT(refused, 30) << name;
  }
}

TEST_P(DecodeHeif, WhatIsCodedAnotherWayIsNamed) {
  std::string other = file("slope");
  const std::string type = heic() ? "hvc1" : "av01";
  other.replace(other.find(type), 4, "jpeg");
  const Error error = error_of(test::decode(other));
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_TRUE(test::has(error.message, "(jpeg)")) << error.message;
}

TEST_P(DecodeHeif, ALieAboutTheSizeIsFoundOut) {
  const std::string real = test::number(64, 4, false);
  for (const auto& [width, height] : {std::pair{128u, 64u}, {64u, 96u}, {2048u, 2048u}}) {
    const std::string lie = with_box(
        file("slope"), "ispe", 4, test::number(width, 4, false) + test::number(height, 4, false));
    EXPECT_EQ(error_of(test::decode(lie)).code, ErrorCode::kCorrupt) << width;
  }
  const std::string huge =
      with_box(file("slope"), "ispe", 4,
               test::number(1u << 20, 4, false) + test::number(1u << 20, 4, false));
  EXPECT_EQ(error_of(test::probe(huge)).code, ErrorCode::kTooLarge);
  for (const std::uint32_t never : {0u, ~0u})
    EXPECT_EQ(
        error_of(test::probe(with_box(file("slope"), "ispe", 4, test::number(never, 4, false))))
            .code,
        ErrorCode::kCorrupt);
}

TEST_P(DecodeHeif, ASequenceAloneIsNamed) {
  std::string track = with_box(file("slope"), "meta", -4, "moov");
  const Error error = error_of(test::probe(track));
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_TRUE(test::has(error.message, "a sequence without a still picture")) << error.message;
}

TEST(DecodeAvif, TheFirstPictureOfAnAnimationIsTaken) {
  if (!is_built_in(ImageFormat::kAvif)) GTEST_SKIP() << "not built in";
  const std::string file = picture_file("animation.avif");
  EXPECT_TRUE(test::probe(file)->animated);
  const Image image = decoded(file);
  EXPECT_LE(difference(image, slope(64, 64)), kLossy);
  EXPECT_EQ(image.note, "the AVIF picture is an animation: its first frame is looked at");
}

}  // namespace
}  // namespace oc
