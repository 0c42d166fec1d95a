#include "tests/image/fixtures.h"

namespace oc {
namespace {

using test::decode;
using test::decoded;
using test::difference;
using test::encode_webp;
using test::error_of;
using test::number;
using test::riff_chunk;
using test::riff_file;
using test::vp8x_chunk;
using test::with_exif;

constexpr std::string_view kDamaged = "the WebP picture is damaged or cut off";

TEST(DecodeWebp, LosslessIsExact) {
  for (const auto& [width, height] : {std::pair{1, 1}, {3, 2}, {31, 17}, {2, 40}}) {
    const Image image = test::rough_image(width, height);
    EXPECT_EQ(difference(decoded(encode_webp(image)), image), 0) << width;
  }
}

TEST(DecodeWebp, LossyIsNear) {
  const Image image = test::smooth_image(48, 32);
  const std::string file = encode_webp(image, false);
  EXPECT_EQ(file.substr(12, 4), "VP8 ");
  EXPECT_LE(difference(decoded(file), image), 12) << "quality 95, halved chroma";
}

TEST(DecodeWebp, AlphaShowsTheBackgroundOrIsDropped) {
  const Image image = test::rough_image(9, 5);
  std::vector<std::uint8_t> rgba;
  for (std::size_t i = 0; i < image.rgb.size(); i += 3) {
    rgba.insert(rgba.end(), image.rgb.begin() + static_cast<std::ptrdiff_t>(i),
                image.rgb.begin() + static_cast<std::ptrdiff_t>(i + 3));
    rgba.push_back(static_cast<std::uint8_t>(i % 3 == 0 ? i : 0));
  }
  const std::string lossless = encode_webp(9, 5, rgba, true);
  EXPECT_EQ(difference(test::as_reference(lossless), image), 0);
  const Image seen = decoded(lossless);
  for (std::size_t i = 0; i < image.rgb.size(); ++i) {
    const int alpha = rgba[i / 3 * 4 + 3];
    EXPECT_EQ(seen.rgb[i], (image.rgb[i] * alpha + 255 * (255 - alpha) + 127) / 255) << i;
  }

  const Image smooth = test::smooth_image(32, 32);
  rgba.clear();
  for (std::size_t i = 0; i < smooth.rgb.size(); ++i) {
    rgba.push_back(smooth.rgb[i]);
    if (i % 3 == 2) rgba.push_back(static_cast<std::uint8_t>(i));
  }
  EXPECT_LE(difference(test::as_reference(encode_webp(32, 32, rgba, false)), smooth), 12);
}

TEST(DecodeWebp, ExifIsFoundBehindThePixels) {
  const Image image = test::rough_image(3, 2);
  const std::string webp = encode_webp(image);
  for (const std::string& head : {std::string(), test::kExifHead}) {
    const Image turned = decoded(with_exif(webp, image, head + test::exif_block(3)));
    ASSERT_EQ(turned.width, 3);
    EXPECT_EQ(test::pixel(turned, 0, 0), test::pixel(image, 2, 1));
  }
  std::string lying = with_exif(webp, image, test::exif_block(3));
  lying.replace(lying.rfind("EXIF") + 4, 4, "\xff\xff\xff\x7f");
  EXPECT_EQ(test::probe(lying)->exif_orientation, 1) << "a chunk past the end is not read";
}

std::string animation_frame(int x, int y, const Image& image) {
  const auto three = [](int value) { return number(static_cast<std::uint32_t>(value), 3, true); };
  return riff_chunk("ANMF", three(x / 2) + three(y / 2) + three(image.width - 1) +
                                three(image.height - 1) + three(100) + std::string(1, '\0') +
                                encode_webp(image).substr(12));
}
std::string animation(int width, int height, const std::string& frames) {
  return riff_file(vp8x_chunk(0x12, width, height) + riff_chunk("ANIM", std::string(6, '\0')) +
                   frames);
}

TEST(DecodeWebp, TheFirstFrameOfAnAnimationIsThePicture) {
  const Image first = test::rough_image(8, 6), other = test::smooth_image(12, 10);
  const Image whole =
      decoded(animation(8, 6, animation_frame(0, 0, first) + animation_frame(0, 0, first)));
  EXPECT_EQ(difference(whole, first), 0);
  EXPECT_EQ(whole.note, "the WebP picture is an animation: its first frame is looked at");
  // One that does not fill the canvas: around it the background shows.
  const Image part =
      decoded(animation(12, 10, animation_frame(2, 4, first) + animation_frame(0, 0, other)));
  ASSERT_EQ(part.width, 12);
  ASSERT_EQ(part.height, 10);
  for (int y = 0; y < 10; ++y)
    for (int x = 0; x < 12; ++x) {
      const bool inside = x >= 2 && x < 10 && y >= 4;
      EXPECT_EQ(test::pixel(part, x, y),
                inside ? test::pixel(first, x - 2, y - 4) : (test::Rgb{255, 255, 255}))
          << x << ", " << y;
    }
}

TEST(DecodeWebp, FramesThatLieAreErrors) {
  const Image image = test::rough_image(8, 6);
  for (const std::string& file :
       {animation(8, 6, ""), animation(8, 6, animation_frame(2, 0, image)),
        animation(8, 6, riff_chunk("ANMF", "abc")),
        animation(8, 6, riff_chunk("ANMF", std::string(16, '\0')))}) {
    const Error error = error_of(decode(file));
    EXPECT_EQ(error.code, ErrorCode::kCorrupt);
    EXPECT_EQ(error.message, kDamaged);
  }
}

TEST(DecodeWebp, CutOffItIsAnError) {
  const Image image = test::rough_image(20, 18);
  const std::string files[] = {encode_webp(image), encode_webp(image, false)};
  for (const std::string& file : files)
    for (std::size_t size = 12; size < file.size(); ++size) {
      const Error error = error_of(decode(file.substr(0, size)));
      EXPECT_EQ(error.code, ErrorCode::kCorrupt) << size;
      EXPECT_EQ(error.message, kDamaged) << size;
    }
}

TEST(DecodeWebp, StructuresThatLieAreErrors) {
  const Image image = test::rough_image(6, 6);
  const std::string webp = encode_webp(image), frame = webp.substr(12);
  std::string bad_signature = webp;
  bad_signature[20] = 0;
  const std::pair<const char*, std::string> cases[] = {
      {"nothing inside", riff_file("")},
      {"unknown chunk only", riff_file(riff_chunk("ABCD", "abcd"))},
      {"no picture", riff_file(vp8x_chunk(0x08, 6, 6) + riff_chunk("EXIF", test::exif_block(1)))},
      {"another size outside", riff_file(vp8x_chunk(0, 7, 6) + frame)},
      {"no signature inside", bad_signature},
      {"a RIFF of no bytes", webp.substr(0, 4) + std::string(4, '\0') + webp.substr(8)},
  };
  for (const auto& [what, bytes] : cases) {
    const Error error = error_of(decode(bytes));
    EXPECT_EQ(error.code, ErrorCode::kCorrupt) << what;
    EXPECT_EQ(error.message, kDamaged) << what;
  }
}

TEST(DecodeWebp, NoFlippedBitIsDangerous) {
  const Image image = test::rough_image(11, 9);
  int refused = 0;
  for (const bool lossless : {true, false}) {
    const std::string file = with_exif(encode_webp(image, lossless), image, test::exif_block(6));
    for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
      std::string damaged = file;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
      const auto result = decode(damaged, {.max_pixels = 100'000});
      if (!result.ok()) {
        ++refused;
        continue;
      }
      EXPECT_EQ(result->width * result->height, 99) << bit;
      EXPECT_EQ(result->rgb.size(), 297u) << bit;
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace oc
