#include "tests/image/fixtures.h"

namespace oc {
namespace {

using test::decode;
using test::decoded;
using test::difference;
using test::encode_webp;
using test::error_of;
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

TEST(DecodeWebp, AlphaIsDroppedNotBlended) {
  const Image image = test::rough_image(9, 5);
  std::vector<std::uint8_t> rgba;
  for (std::size_t i = 0; i < image.rgb.size(); i += 3) {
    rgba.insert(rgba.end(), image.rgb.begin() + static_cast<std::ptrdiff_t>(i),
                image.rgb.begin() + static_cast<std::ptrdiff_t>(i + 3));
    rgba.push_back(static_cast<std::uint8_t>(i % 3 == 0 ? i : 0));
  }
  EXPECT_EQ(difference(decoded(encode_webp(9, 5, rgba, true)), image), 0);

  const Image smooth = test::smooth_image(32, 32);
  rgba.clear();
  for (std::size_t i = 0; i < smooth.rgb.size(); ++i) {
    rgba.push_back(smooth.rgb[i]);
    if (i % 3 == 2) rgba.push_back(static_cast<std::uint8_t>(i));
  }
  EXPECT_LE(difference(decoded(encode_webp(32, 32, rgba, false)), smooth), 12);
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

TEST(DecodeWebp, AnimationsAreUnsupported) {
  const Image image = test::rough_image(8, 8);
  const std::string frame =
      riff_chunk("ANMF", std::string(16, '\0') + encode_webp(image).substr(12));
  const Error error = error_of(decode(riff_file(
      vp8x_chunk(0x02, 8, 8) + riff_chunk("ANIM", std::string(6, '\0')) + frame + frame)));
  EXPECT_EQ(error.code, ErrorCode::kUnsupported);
  EXPECT_EQ(error.message, "the WebP picture is an animation");
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
