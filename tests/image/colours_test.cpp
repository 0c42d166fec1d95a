// Pictures with an ICC profile look as they should, on screens that are sRGB.
#include "image/colours.h"
#include "image/decoders.h"

#include <lcms2.h>

#include "tests/image/counted_memory.h"
#include "tests/image/png_writer.h"

namespace oc {
namespace {

using test::decoded;
using test::make_jpeg;
using test::number;
using test::pixel;
using test::Rgb;

std::string saved(cmsHPROFILE profile) {
  cmsUInt32Number size = 0;
  EXPECT_TRUE(cmsSaveProfileToMem(profile, nullptr, &size));
  std::string out(size, '\0');
  EXPECT_TRUE(cmsSaveProfileToMem(profile, out.data(), &size));
  cmsCloseProfile(profile);
  return out;
}
std::string srgb_profile() { return saved(cmsCreate_sRGBProfile()); }

// Of these primaries, with sRGB's white and curve unless told otherwise.
std::string profile_of(const cmsCIExyYTRIPLE& primaries, double gamma = 0) {
  const cmsCIExyY white = {0.3127, 0.3290, 1};
  const double parameters[] = {2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045};
  cmsToneCurve* curve = gamma > 0 ? cmsBuildGamma(nullptr, gamma)
                                  : cmsBuildParametricToneCurve(nullptr, 4, parameters);
  cmsToneCurve* curves[] = {curve, curve, curve};
  const std::string out = saved(cmsCreateRGBProfile(&white, &primaries, curves));
  cmsFreeToneCurve(curve);
  return out;
}
constexpr cmsCIExyYTRIPLE kDisplayP3 = {{0.680, 0.320, 1}, {0.265, 0.690, 1}, {0.150, 0.060, 1}};
constexpr cmsCIExyYTRIPLE kSrgb = {{0.640, 0.330, 1}, {0.300, 0.600, 1}, {0.150, 0.060, 1}};
constexpr cmsCIExyYTRIPLE kGreenIsRed = {{0.300, 0.600, 1}, {0.640, 0.330, 1}, {0.150, 0.060, 1}};

std::string grey_profile(double gamma) {
  cmsToneCurve* curve = cmsBuildGamma(nullptr, gamma);
  const cmsCIExyY* white = cmsD50_xyY();
  const std::string out = saved(cmsCreateGrayProfile(white, curve));
  cmsFreeToneCurve(curve);
  return out;
}

// In segments of so many bytes.
std::vector<std::string> segments(const std::string& profile, std::size_t most = 65'519) {
  const std::size_t count = (profile.size() + most - 1) / most;
  std::vector<std::string> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back(std::string("ICC_PROFILE\0", 12) + static_cast<char>(i + 1) +
                  static_cast<char>(count) + profile.substr(i * most, most));
  return out;
}
std::string jpeg_with(const Image& image, const std::vector<std::string>& app2) {
  return make_jpeg(image, {.app2 = app2});
}
std::string iccp(const std::string& profile) {
  return test::png_chunk("iCCP", std::string("name\0\0", 6) + test::deflated(profile));
}
std::string png_with(const Image& image, const std::string& profile) {
  test::Png png = test::png_of(image);
  png.before = iccp(profile);
  return test::write_png(png);
}
std::string webp_with(const Image& image, const std::string& profile) {
  return test::riff_file(test::vp8x_chunk(0x20, image.width, image.height) +
                         test::riff_chunk("ICCP", profile) + test::encode_webp(image).substr(12));
}

Image plain(const Rgb& colour) {
  return test::make_image(16, 16, [&](int, int) { return colour; });
}

TEST(Colours, DisplayP3BecomesSrgb) {
  // A red of sRGB's, as Display P3 has it: 234, 51, 35 (CSS Color 4: color(srgb 1 0 0)).
  const std::string profile = profile_of(kDisplayP3);
  const Image image = plain({234, 51, 35});
  for (const std::string& file :
       {jpeg_with(image, segments(profile)), png_with(image, profile), webp_with(image, profile)}) {
    const Rgb seen = pixel(decoded(file), 8, 8);
    EXPECT_GE(seen[0], 251);
    EXPECT_LE(seen[1], 12);
    EXPECT_LE(seen[2], 12);
    const Rgb stored = pixel(test::as_reference(file), 8, 8);
    EXPECT_NEAR(stored[0], 234, 3);
    EXPECT_NEAR(stored[1], 51, 3);
  }
}

TEST(Colours, EveryRowAndKindIsConverted) {
  const std::string profile = profile_of(kGreenIsRed);
  const Image image = test::rough_image(37, 70);
  const Image swapped = test::make_image(37, 70, [&](int x, int y) {
    const Rgb colour = pixel(image, x, y);
    return Rgb{colour[1], colour[0], colour[2]};
  });
  test::Png interlaced = test::png_of(image);
  interlaced.adam7 = true;
  interlaced.before = iccp(profile);
  for (const std::string& file :
       {png_with(image, profile), test::write_png(interlaced), webp_with(image, profile)})
    EXPECT_LE(test::difference(decoded(file), swapped), 3);
  // With transparency: the colours are converted, then the background shows.
  test::Png rgba{.width = 2, .type = test::kRgba};
  rgba.samples = {200, 10, 30, 255, 200, 10, 30, 0};
  rgba.before = iccp(profile);
  const Image seen = decoded(test::write_png(rgba), {.background = {{1, 100, 3}}});
  EXPECT_NEAR(pixel(seen, 0, 0)[0], 10, 3);
  EXPECT_NEAR(pixel(seen, 0, 0)[1], 200, 3);
  EXPECT_EQ(pixel(seen, 1, 0), (Rgb{1, 100, 3}));
}

TEST(Colours, ProfilesThatAreSrgbChangeNoPixel) {
  const Image image = test::rough_image(40, 30);
  for (const std::string& profile : {srgb_profile(), profile_of(kSrgb)}) {
    EXPECT_EQ(test::difference(decoded(png_with(image, profile)), image), 0);
    EXPECT_EQ(test::difference(decoded(webp_with(image, profile)), image), 0);
    const Image without = decoded(make_jpeg(image));
    EXPECT_EQ(test::difference(decoded(jpeg_with(image, segments(profile))), without), 0);
  }
}

TEST(Colours, GreysHaveProfilesToo) {
  std::vector<std::uint8_t> samples(16 * 16, 128);
  const std::string jpeg = make_jpeg(
      16, 16, samples,
      {.from = JCS_GRAYSCALE, .stored = JCS_GRAYSCALE, .app2 = segments(grey_profile(1))});
  EXPECT_NEAR(pixel(decoded(jpeg), 3, 3)[0], 188, 2) << "half of the light";
  EXPECT_NEAR(pixel(test::as_reference(jpeg), 3, 3)[0], 128, 1);
  test::Png png{.width = 2, .type = test::kGreyAlpha, .samples = {128, 255, 128, 0}};
  png.before = iccp(grey_profile(1));
  EXPECT_NEAR(pixel(decoded(test::write_png(png)), 0, 0)[1], 188, 2);
  EXPECT_EQ(pixel(decoded(test::write_png(png)), 1, 0)[1], 255);
}

// Decoding and the profile together stay within what a picture may take.
TEST(Colours, AProfileIsLeftOutWhereItTakesTooLong) {
  const std::string profile = profile_of(kDisplayP3);
  for (const double decode_ns : {0.0, 3e9}) {
    const ImageInfo info{
        .format = ImageFormat::kPng, .width = 7000, .height = 7000, .decode_ns = decode_ns};
    const ImageReading reading;
    const Interrupt interrupt;
    const ImageLimits limits;
    std::string note;
    const auto conversion = conversion_for({{}, info, limits, reading, interrupt},
                                           std::as_bytes(std::span(profile)), Samples::kRgb, note);
    EXPECT_EQ(conversion != nullptr, decode_ns == 0);
    EXPECT_EQ(note.empty(), decode_ns == 0) << note;
  }
}

TEST(Colours, SeveralSegmentsAreOneProfile) {
  const std::string profile = profile_of(kGreenIsRed);
  const Image image = plain({200, 10, 30});
  auto parts = segments(profile, profile.size() / 3 + 1);
  ASSERT_EQ(parts.size(), 3u);
  EXPECT_GT(pixel(decoded(jpeg_with(image, parts)), 8, 8)[1], 190);
  std::swap(parts[0], parts[2]);
  EXPECT_GT(pixel(decoded(jpeg_with(image, parts)), 8, 8)[1], 190) << "in any order";
  parts.pop_back();
  EXPECT_LT(pixel(decoded(jpeg_with(image, parts)), 8, 8)[1], 20) << "one is missing";
}

TEST(Colours, NoMemoryIsNotAnotherPicture) {
  if (!test::memory_is_counted()) GTEST_SKIP() << "allocations do not fail here";
  const std::string file = png_with(plain({200, 10, 30}), profile_of(kGreenIsRed));
  const auto bytes = test::as_bytes(file);
  const test::CountedMemory counted;
  const Image whole = decoded(file);
  const std::size_t most = counted.allocations();
  std::size_t failed = 0;
  for (std::size_t n = 1; n <= most; ++n) {
    const Result<Image> result = [&] {
      const test::FailingAllocation failing(n, 1);
      return decode_image(bytes, {});
    }();
    if (result.ok()) {
      EXPECT_EQ(test::difference(*result, whole), 0) << n << " of " << most;
      continue;
    }
    ++failed;
    EXPECT_EQ(result.error().message, "out of memory while the picture was decoded");
  }
  EXPECT_GT(failed, most / 2);
  EXPECT_LE(counted.most(), (8u << 20) + 16 * 16 * 3);
}

// As browsers do: the picture is shown as it is.
TEST(Colours, ProfilesThatMakeNoSenseAreIgnored) {
  const Image image = test::rough_image(20, 10);
  std::string profile = profile_of(kGreenIsRed);
  for (const std::string& wrong :
       {std::string(), std::string("profile"), profile.substr(0, 200), std::string(3000, 'a'),
        grey_profile(1), std::string(5 << 20, '\0')}) {
    EXPECT_EQ(test::difference(decoded(png_with(image, wrong)), image), 0) << wrong.size();
    EXPECT_EQ(test::difference(decoded(webp_with(image, wrong)), image), 0) << wrong.size();
  }
  for (std::size_t at = 0; at < profile.size(); ++at) {
    std::string damaged = profile;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x80);
    EXPECT_TRUE(test::decode(png_with(image, damaged)).ok()) << at;
  }
}

}  // namespace
}  // namespace oc
