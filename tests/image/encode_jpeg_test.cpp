#include <gtest/gtest.h>

#include "base/check.h"
#include "image/image.h"
#include "tests/image/fixtures.h"

namespace oc {
namespace {

TEST(EncodeJpeg, ComesBackNearly) {
  for (const auto& [width, height] : {std::pair{1, 1}, {3, 5}, {64, 33}, {200, 1}}) {
    const Image image = test::smooth_image(width, height);
    const std::vector<std::byte> file = encode_jpeg(image);
    const auto info = probe_image(file, {});
    ASSERT_TRUE(info.ok()) << info.error().describe();
    EXPECT_EQ(info->format, ImageFormat::kJpeg);
    const auto decoded = decode_image(file, {});
    ASSERT_TRUE(decoded.ok()) << decoded.error().describe();
    EXPECT_LE(test::difference(*decoded, image), 12) << width << "x" << height;
  }
}

TEST(EncodeJpeg, ColoursOfSinglePixelsStay) {
  Image image{32, 32, std::vector<std::uint8_t>(32 * 32 * 3, 90)};
  for (std::size_t y = 0; y < 32; ++y) image.rgb[(y * 32 + 9) * 3] = 255;
  const auto decoded = decode_image(encode_jpeg(image), {});
  ASSERT_TRUE(decoded.ok());
  EXPECT_GT(test::pixel(*decoded, 9, 16)[0], 225) << "halved, the line would be 170";
}

TEST(EncodeJpeg, APictureThatIsNoneIsOurMistake) {
  EXPECT_THROW(encode_jpeg(Image{}), CheckFailure);
  EXPECT_THROW(encode_jpeg(Image{2, 2, std::vector<std::uint8_t>(11)}), CheckFailure);
  EXPECT_THROW(encode_jpeg(Image{kMaxJpegSide + 1, 1,
                                 std::vector<std::uint8_t>((kMaxJpegSide + 1) * std::size_t{3})}),
               CheckFailure);
}

}  // namespace
}  // namespace oc
