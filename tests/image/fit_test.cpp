#include "image/fit.h"

#include "image/resize.h"
#include "tests/image/fixtures.h"

namespace oc {
namespace {

using Size = ImageSize;

TEST(Fit, KeepsTheAspect) {
  EXPECT_EQ(fitted_size(1000, 500, {512, 512}), (Size{512, 256}));
  EXPECT_EQ(fitted_size(500, 1000, {512, 512}), (Size{256, 512}));
  EXPECT_EQ(fitted_size(3000, 2000, {384, 384}), (Size{384, 256}));
  EXPECT_EQ(fitted_size(1000, 1000, {300, 200}), (Size{200, 200}));
  // 512 / 1023 · 767 = 383.87, cut.
  EXPECT_EQ(fitted_size(1023, 767, {512, 512}), (Size{512, 383}));
}

TEST(Fit, NeverEnlarges) {
  EXPECT_EQ(fitted_size(100, 50, {512, 512}), (Size{100, 50}));
  EXPECT_EQ(fitted_size(512, 512, {512, 512}), (Size{512, 512}));
  EXPECT_EQ(fitted_size(9000, 9000, {}), (Size{9000, 9000}));
}

TEST(Fit, OneSideMayBeFree) {
  EXPECT_EQ(fitted_size(1000, 500, {0, 100}), (Size{200, 100}));
  EXPECT_EQ(fitted_size(1000, 500, {100, 0}), (Size{100, 50}));
}

TEST(Fit, NoSideVanishes) { EXPECT_EQ(fitted_size(10000, 3, {100, 100}), (Size{100, 1})); }

TEST(Fit, EachSideByItselfWhereTheAspectIsFree) {
  EXPECT_EQ(fitted_size(1000, 100, {512, 512, false}), (Size{512, 100}));
  EXPECT_EQ(fitted_size(1000, 2000, {512, 384, false}), (Size{512, 384}));
}

TEST(Fit, TheBoundIsMetForEverySize) {
  for (int width = 1; width < 1500; width += 7)
    for (const int height : {1, 3, 511, 512, 513, 767, 1499}) {
      const Size size = fitted_size(width, height, {512, 384});
      ASSERT_TRUE(size.width >= 1 && size.width <= std::min(width, 512)) << width << "x" << height;
      ASSERT_TRUE(size.height >= 1 && size.height <= std::min(height, 384))
          << width << "x" << height;
      // The binding side reaches its bound.
      if (width > 512 || height > 384) {
        EXPECT_TRUE(size.width == 512 || size.height == 384) << width << "x" << height;
      }
    }
}

TEST(Fit, PixelsAreLanczos) {
  const Image image = test::rough_image(40, 20);
  EXPECT_EQ(test::difference(fit(image, {10, 10}), resize_lanczos(image, 10, 5)), 0);
  EXPECT_EQ(test::difference(fit(image, {40, 40}), image), 0);
}

}  // namespace
}  // namespace oc
