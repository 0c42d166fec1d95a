#include "base/check.h"
#include "image/image.h"
#include "tests/image/fixtures.h"

namespace oc {
namespace {

TEST(EncodePng, ComesBackTheSame) {
  for (const auto& [width, height] : {std::pair{1, 1}, {3, 5}, {64, 33}, {200, 1}, {1, 200}}) {
    const Image image = test::rough_image(width, height);
    const std::vector<std::byte> file = encode_png(image);
    const auto info = probe_image(file, {});
    ASSERT_TRUE(info.ok()) << info.error().describe();
    EXPECT_EQ(info->format, ImageFormat::kPng);
    const auto decoded = decode_image(file, {});
    ASSERT_TRUE(decoded.ok()) << decoded.error().describe();
    EXPECT_EQ(test::difference(*decoded, image), 0) << width << "x" << height;
  }
}

TEST(EncodePng, APictureThatIsNoneIsOurMistake) {
  EXPECT_THROW(encode_png(Image{}), CheckFailure);
  EXPECT_THROW(encode_png(Image{2, 2, std::vector<std::uint8_t>(11)}), CheckFailure);
  EXPECT_THROW(encode_png(Image{2, 2, std::vector<std::uint8_t>(13)}), CheckFailure);
  EXPECT_THROW(encode_png(Image{-1, 2, {}}), CheckFailure);
}

}  // namespace
}  // namespace oc
