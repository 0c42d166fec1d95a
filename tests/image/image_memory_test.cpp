// Memory of pictures: never more than is counted before, and an honest error when there is none.
#include <fmt/format.h>

#include <map>

#include "image/fit.h"
#include "tests/image/bmp_writer.h"
#include "tests/image/counted_memory.h"
#include "tests/image/gif_writer.h"
#include "tests/image/png_writer.h"
#include "tests/image/webp_writer.h"

namespace oc {
namespace {

using test::CountedMemory;
using test::encode_webp;
using test::make_jpeg;

// Samples of `channels` a pixel, no two rows alike.
std::vector<std::uint8_t> samples(int width, int height, int channels) {
  std::vector<std::uint8_t> out;
  out.reserve(static_cast<std::size_t>(width * height * channels));
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width * channels; ++x)
      out.push_back(static_cast<std::uint8_t>(x * 5 + y * 3 + x * y / 64));
  return out;
}

// One file of each kind that takes memory in its own way.
std::map<std::string, std::string> files(int width, int height) {
  const auto rgb = samples(width, height, 3), rgba = samples(width, height, 4);
  const auto grey = samples(width, height, 1);
  const auto jpeg = [&](const std::vector<std::uint8_t>& pixels, test::JpegOptions options) {
    options.quality = 90;
    return make_jpeg(width, height, pixels, options);
  };
  const std::string turned = test::kExifHead + test::exif_block(6);
  std::map<std::string, std::string> out;
  out["JPEG"] = jpeg(rgb, {});
  out["JPEG 4:2:0"] = jpeg(rgb, {.halved_chroma = true});
  out["JPEG grey"] = jpeg(grey, {.from = JCS_GRAYSCALE, .stored = JCS_GRAYSCALE});
  out["JPEG CMYK"] = jpeg(rgba, {.from = JCS_CMYK, .stored = JCS_CMYK});
  out["JPEG turned"] = jpeg(rgb, {.app1 = {turned}});
  out["JPEG progressive"] = jpeg(rgb, {.progressive = true});
  out["JPEG progressive 4:2:0"] = jpeg(rgb, {.progressive = true, .halved_chroma = true});
  out["JPEG progressive CMYK"] =
      jpeg(rgba, {.from = JCS_CMYK, .stored = JCS_CMYK, .progressive = true});
  out["JPEG progressive CMYK turned"] =
      jpeg(rgba, {.from = JCS_CMYK, .stored = JCS_YCCK, .progressive = true, .app1 = {turned}});
  const auto png = [&](test::PngType type, int depth, bool adam7) {
    test::Png file{.width = width, .height = height, .depth = depth, .type = type, .adam7 = adam7};
    const std::size_t count = static_cast<std::size_t>(width * height) * file.channels();
    file.samples.resize(count);
    for (std::size_t i = 0; i < count; ++i)
      file.samples[i] = static_cast<unsigned>(i * 37 % 65521) & ((1u << depth) - 1);
    if (type == test::kPalette) {
      std::string palette;
      for (int i = 0; i < 3 << depth; ++i) palette += static_cast<char>(i);
      file.before = test::png_chunk("PLTE", palette);
    }
    return test::write_png(file);
  };
  out["PNG"] = png(test::kRgb, 8, false);
  out["PNG 16 bits"] = png(test::kRgba, 16, false);
  out["PNG interlaced"] = png(test::kRgb, 8, true);
  out["PNG 16 bits interlaced"] = png(test::kRgba, 16, true);
  out["PNG grey 16 bits"] = png(test::kGreyAlpha, 16, false);
  out["PNG palette"] = png(test::kPalette, 8, false);
  out["PNG two colours interlaced"] = png(test::kPalette, 1, true);
  const Image image{width, height, rgb};
  out["WebP"] = encode_webp(width, height, rgb, false);
  out["WebP lossless"] = encode_webp(width, height, rgb, true);
  out["WebP alpha"] = encode_webp(width, height, rgba, false);
  out["WebP lossless alpha"] = encode_webp(width, height, rgba, true);
  test::Png turned_png{.width = width, .height = height, .type = test::kRgba, .adam7 = true};
  for (const std::uint8_t value : rgba) turned_png.samples.push_back(value);
  turned_png.before = test::png_chunk("eXIf", test::exif_block(8));
  out["PNG interlaced, turned, with alpha"] = test::write_png(turned_png);
  out["BMP"] = test::write_bmp(test::bmp_of(image));
  test::Bmp packed{.width = width, .height = height, .bits = 8, .compression = 1};
  packed.palette = test::gif_colours(256);
  packed.pixels = std::string("\0\1", 2);
  out["BMP in runs"] = test::write_bmp(packed);
  for (const bool interlaced : {false, true}) {
    test::GifFrame frame = test::gif_frame(width, height, 256);
    frame.interlaced = interlaced;
    frame.transparent = interlaced ? 7 : -1;
    out[interlaced ? "GIF interlaced, transparent" : "GIF"] =
        test::write_gif(width, height, test::gif_colours(256), {frame});
  }
  out["WebP turned"] = test::with_exif(encode_webp(image, true), image, test::exif_block(6));
  return out;
}

struct Taken {
  std::size_t counted = 0, really = 0;
};
Taken take(std::string_view file, const ImageBox& box) {
  const auto bytes = test::as_bytes(file);
  const auto info = probe_image(bytes, {});
  EXPECT_TRUE(info.ok()) << info.error().describe();
  if (!info.ok()) return {};
  const ImageMemory memory = image_memory(*info, box);
  const CountedMemory counted;
  auto decoded = decode_image(bytes, {});
  EXPECT_TRUE(decoded.ok()) << decoded.error().describe();
  if (!decoded.ok()) return {};
  const Image image = fit(*std::move(decoded), box);
  EXPECT_EQ(image.rgb.size(), memory.kept);
  return {memory.peak, counted.most()};
}

TEST(ImageMemory, NoPictureTakesMoreThanIsCounted) {
  if (!test::memory_is_counted()) GTEST_SKIP() << "allocations are not counted here";
  for (const auto& [width, height] : {std::pair{640, 480}, {77, 999}, {9, 5}})
    for (const auto& [kind, file] : files(width, height))
      for (const ImageBox box : {ImageBox{}, ImageBox{512, 512}, ImageBox{8, 8}}) {
        const Taken taken = take(file, box);
        EXPECT_LE(taken.really, taken.counted) << kind << " " << width << "x" << height;
        // Nor is a picture refused for what it would never take.
        EXPECT_LE(taken.counted, taken.really * 17 / 10 + (600u << 10)) << kind << " " << width;
      }
}

// 200 KB of file could take 1.3 GB: what is counted says so before.
TEST(ImageMemory, HuffmanGroupsOfAWebpAreCounted) {
  if (!test::memory_is_counted()) GTEST_SKIP() << "allocations are not counted here";
  std::size_t before = 0;
  for (const unsigned groups : {1u, 2u, 100u, 1000u, 1500u, 4096u}) {
    const std::string file = test::webp_of_many_groups(256, 256, groups);
    const Taken taken = take(file, {});
    EXPECT_LE(taken.really, taken.counted) << groups;
    EXPECT_LE(taken.counted, taken.really + groups * 2048 + (1u << 20)) << groups;
    EXPECT_GT(taken.counted, before);
    before = taken.counted;
  }
  EXPECT_GT(before, 45u << 20);
}

// Whichever allocation fails: memory is to blame, never the picture, nor is it half a picture.
TEST(ImageMemory, NoMemoryIsNotADamagedPicture) {
  if (!test::memory_is_counted()) GTEST_SKIP() << "allocations do not fail here";
  for (const auto& [kind, file] : files(83, 61)) {
    const auto bytes = test::as_bytes(file);
    const CountedMemory counted;
    const Image whole = test::decoded(file);
    const std::size_t most = counted.allocations();
    ASSERT_GT(most, 2u) << kind;
    std::size_t failed = 0;
    // libwebp 1.2 itself dies where 32 bytes fail; what fails in earnest is large.
    const std::size_t least = kind.starts_with("WebP") ? 4096 : 1;
    for (std::size_t n = 1; n <= most; ++n) {
      const Result<Image> result = [&] {
        const test::FailingAllocation failing(n, least);
        return decode_image(bytes, {});
      }();
      if (result.ok()) {
        EXPECT_EQ(test::difference(*result, whole), 0) << kind << ", allocation " << n;
        continue;
      }
      ++failed;
      EXPECT_EQ(result.error().code, ErrorCode::kUnavailable)
          << kind << ", allocation " << n << " of " << most << ": " << result.error().message;
      EXPECT_EQ(result.error().message, "out of memory while the picture was decoded");
    }
    EXPECT_GT(failed, 0u) << kind;
  }
}

}  // namespace
}  // namespace oc
