#include "image/draw.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

#include "tests/image/fixtures.h"

namespace oc {
namespace {

using test::pixel;
using test::Rgb;

constexpr Rgb kGround = {90, 90, 90}, kBright = {255, 210, 0}, kDark = {20, 20, 20};

Image grey(int width, int height) {
  return {width, height,
          std::vector<std::uint8_t>(static_cast<std::size_t>(width * height) * 3, 90)};
}

int count(const Image& image, const Rgb& colour) {
  int found = 0;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) found += pixel(image, x, y) == colour ? 1 : 0;
  return found;
}

TEST(Draw, LinesGrowWithThePicture) {
  EXPECT_EQ(line_width(grey(1, 1)), 2);
  EXPECT_EQ(line_width(grey(300, 299)), 2);
  EXPECT_EQ(line_width(grey(900, 600)), 4);
}

TEST(Draw, ABoxIsABrightFrameWithinADarkOne) {
  Image image = grey(100, 100);
  draw(image, DrawnBox{0.2, 0.3, 0.7, 0.8});
  // From the left: ground, one dark, two bright, one dark, ground.
  const std::array<Rgb, 6> row = {kGround, kDark, kBright, kBright, kDark, kGround};
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(pixel(image, 18 + i, 50), row[static_cast<std::size_t>(i)]) << "left " << i;
    EXPECT_EQ(pixel(image, 71 - i, 50), row[static_cast<std::size_t>(i)]) << "right " << i;
    EXPECT_EQ(pixel(image, 50, 28 + i), row[static_cast<std::size_t>(i)]) << "top " << i;
    EXPECT_EQ(pixel(image, 50, 81 - i), row[static_cast<std::size_t>(i)]) << "bottom " << i;
  }
  EXPECT_EQ(count(image, kBright), 50 * 50 - 46 * 46);
  EXPECT_EQ(count(image, kDark), (52 * 52 - 50 * 50) + (46 * 46 - 44 * 44));
}

TEST(Draw, ABoxThatLeavesThePictureEndsAtItsEdge) {
  Image image = grey(100, 100);
  draw(image, DrawnBox{-3, 0.5, 9, 1.5});
  EXPECT_EQ(pixel(image, 0, 75), kBright);
  EXPECT_EQ(pixel(image, 99, 75), kBright);
  EXPECT_EQ(pixel(image, 50, 99), kBright);
  EXPECT_EQ(pixel(image, 50, 50), kBright);
  EXPECT_EQ(pixel(image, 50, 49), kDark);
  EXPECT_EQ(pixel(image, 50, 48), kGround);
}

TEST(Draw, WhatIsNoBoxInThePictureIsNotDrawn) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  Image image = grey(50, 50);
  for (const DrawnBox& box :
       {DrawnBox{1.2, 0.2, 1.5, 0.5}, DrawnBox{0.2, -0.5, 0.5, 0}, DrawnBox{0.5, 0.2, 0.5, 0.6},
        DrawnBox{0.6, 0.2, 0.5, 0.6}, DrawnBox{kNan, 0.2, 0.5, 0.6}, DrawnBox{0.2, 0.2, 0.5, kNan}})
    draw(image, box);
  for (const DrawnPoint& point : {DrawnPoint{-1, 0.5}, DrawnPoint{0.5, 5}, DrawnPoint{kNan, 0.5},
                                  DrawnPoint{0.5, -std::numeric_limits<double>::infinity()}})
    draw(image, point);
  EXPECT_EQ(count(image, kGround), 2500);
}

TEST(Draw, APointIsADiscWithARim) {
  Image image = grey(100, 80);
  draw(image, DrawnPoint{0.5, 0.25});
  EXPECT_EQ(pixel(image, 50, 20), kBright);
  EXPECT_EQ(pixel(image, 46, 20), kBright);
  EXPECT_EQ(pixel(image, 53, 19), kBright);
  EXPECT_EQ(pixel(image, 45, 20), kDark);
  EXPECT_EQ(pixel(image, 54, 20), kDark);
  EXPECT_EQ(pixel(image, 44, 20), kGround);
  EXPECT_EQ(pixel(image, 45, 15), kGround) << "round";
  EXPECT_GT(count(image, kBright), 44);
  EXPECT_LT(count(image, kBright), 58);
}

TEST(Draw, APointAtTheCornerIsCut) {
  Image image = grey(20, 20);
  draw(image, DrawnPoint{0, 0});
  draw(image, DrawnPoint{1, 1});
  EXPECT_EQ(pixel(image, 0, 0), kBright);
  EXPECT_EQ(pixel(image, 19, 19), kBright);
  EXPECT_EQ(pixel(image, 10, 10), kGround);
}

}  // namespace
}  // namespace oc
