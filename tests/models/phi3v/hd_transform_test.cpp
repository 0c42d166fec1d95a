// The HD transform with crops of 4 pixels, small enough to see; tests/parity has the real size.
#include "models/phi3v/hd_transform.h"

#include "image/resize.h"
#include "tests/image/fixtures.h"

namespace oc {
namespace {

using test::difference;
using test::error_of;
using test::has;
using test::pixel;
using test::Rgb;

constexpr int kSide = 4;
HdParams small(int num_crops) {
  return {.crop_size = kSide, .num_crops = num_crops, .mean = {0, 0, 0}, .std = {1, 1, 1}};
}

Image transposed(const Image& image) {
  return test::make_image(image.height, image.width,
                          [&](int x, int y) { return pixel(image, y, x); });
}

TEST(HdPlan, ByHand) {
  const struct {
    int width, height, crops;
    bool transposed;
    int resize_width, resize_height, pad_top, pad_bottom, crops_w, crops_h;
  } cases[] = {
      // 640/480: at most 2 x ceil(2/1.33) = 4 crops, 672 x 504, 84 rows of white on either side.
      {640, 480, 4, false, 672, 504, 84, 84, 2, 2},
      {480, 640, 4, true, 672, 504, 84, 84, 2, 2},
      {640, 480, 1, false, 336, 252, 42, 42, 1, 1},
      {640, 480, 16, false, 1344, 1008, 0, 0, 4, 3},  // 5 x ceil(5/1.33) would be 20 crops
      {336, 336, 1, false, 336, 336, 0, 0, 1, 1},
      {100, 100, 4, false, 672, 672, 0, 0, 2, 2},
      {300, 600, 4, true, 672, 336, 0, 0, 1, 2},
      {1000, 3, 16, false, 5376, 16, 160, 160, 16, 1},
      {500, 300, 4, false, 672, 403, 134, 135, 2, 2},  // an odd row goes below
  };
  for (const auto& c : cases) {
    HdParams params;
    params.num_crops = c.crops;
    const auto plan = plan_hd(c.width, c.height, params);
    ASSERT_TRUE(plan.ok()) << plan.error().describe();
    const std::string what =
        std::to_string(c.width) + "x" + std::to_string(c.height) + " in " + std::to_string(c.crops);
    EXPECT_EQ(plan->transposed, c.transposed) << what;
    EXPECT_EQ(plan->resize_width, c.resize_width) << what;
    EXPECT_EQ(plan->resize_height, c.resize_height) << what;
    EXPECT_EQ(plan->pad_top, c.pad_top) << what;
    EXPECT_EQ(plan->pad_bottom, c.pad_bottom) << what;
    EXPECT_EQ(plan->crops_w, c.crops_w) << what;
    EXPECT_EQ(plan->crops_h, c.crops_h) << what;
    EXPECT_EQ(plan->canvas_width, c.crops_w * 336) << what;
    EXPECT_EQ(plan->canvas_height, c.crops_h * 336) << what;
  }
}

TEST(HdPlan, NeverMoreCropsThanAskedFor) {
  for (int crops = 1; crops <= 64; ++crops)
    for (const auto& [width, height] :
         {std::pair{1, 1}, {3, 2}, {1920, 1080}, {999, 1000}, {50, 1}, {7, 300}}) {
      HdParams params;
      params.num_crops = crops;
      const auto plan = plan_hd(width, height, params);
      ASSERT_TRUE(plan.ok()) << plan.error().describe();
      const HdPlan& p = *plan;
      EXPECT_LE(p.crops_w * p.crops_h, crops) << width << "x" << height;
      EXPECT_EQ(p.pad_top + p.resize_height + p.pad_bottom,
                p.transposed ? p.canvas_width : p.canvas_height);
      EXPECT_EQ(p.resize_width, p.transposed ? p.canvas_height : p.canvas_width);
      EXPECT_GE(p.pad_bottom - p.pad_top, 0);
      EXPECT_LE(p.pad_bottom - p.pad_top, 1);
    }
}

TEST(HdPlan, WhatCannotBeDoneIsRefused) {
  HdParams params;
  params.num_crops = 1;
  for (const auto& [width, height] : {std::pair{2000, 1}, {1, 2000}, {337, 1}}) {
    const Error error = error_of(plan_hd(width, height, params));
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
    EXPECT_TRUE(has(error.message, std::to_string(width) + "x" + std::to_string(height)) &&
                has(error.message, "too thin"))
        << error.message;
    EXPECT_FALSE(hd_transform(test::rough_image(width, height), params).ok());
  }
  EXPECT_TRUE(plan_hd(336, 1, params).ok()) << "one row is left";
  EXPECT_FALSE(plan_hd(0, 5, params).ok());
  EXPECT_FALSE(plan_hd(5, -1, params).ok());
  for (const int crops : {0, -1, 65}) {
    params.num_crops = crops;
    const Error error = error_of(plan_hd(10, 10, params));
    EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.param, "num_crops");
  }
}

TEST(HdCanvas, IsTheResizedPictureBetweenWhiteRows) {
  const Image image = test::rough_image(20, 15);
  const auto plan = plan_hd(20, 15, small(4));
  ASSERT_TRUE(plan.ok());
  ASSERT_EQ(plan->resize_height, 6);  // 8 x 6 on 8 x 8
  const Image canvas = hd_canvas(image, *plan, small(4));
  const Image resized = resize_bilinear(image, 8, 6);
  ASSERT_EQ(canvas.width, 8);
  ASSERT_EQ(canvas.height, 8);
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 8; ++x)
      EXPECT_EQ(pixel(canvas, x, y),
                y == 0 || y == 7 ? (Rgb{255, 255, 255}) : pixel(resized, x, y - 1))
          << x << ", " << y;
}

TEST(HdCanvas, TallPicturesAreTransposedTwice) {
  for (const auto& [width, height] : {std::pair{20, 15}, {31, 9}, {12, 11}})
    for (const int crops : {1, 4, 9}) {
      const Image wide = test::rough_image(width, height), tall = transposed(wide);
      const auto wide_plan = plan_hd(width, height, small(crops)),
                 tall_plan = plan_hd(height, width, small(crops));
      ASSERT_TRUE(wide_plan.ok() && tall_plan.ok());
      EXPECT_FALSE(wide_plan->transposed);
      EXPECT_TRUE(tall_plan->transposed);
      EXPECT_EQ(difference(hd_canvas(tall, *tall_plan, small(crops)),
                           transposed(hd_canvas(wide, *wide_plan, small(crops)))),
                0)
          << width << "x" << height << " in " << crops;
    }
}

// View 0 is the whole canvas made small, the others are its crops row by row, channel by channel.
TEST(HdTransform, GlobalViewThenCropsRowByRow) {
  for (const auto& [width, height] : {std::pair{20, 15}, {15, 20}, {40, 9}}) {
    const HdParams params{.crop_size = kSide,
                          .num_crops = 9,
                          .mean = {0.5f, 0.25f, 0.125f},
                          .std = {0.5f, 0.25f, 2.0f}};
    const Image image = test::rough_image(width, height);
    const auto tiles = hd_transform(image, params);
    ASSERT_TRUE(tiles.ok()) << tiles.error().describe();
    const HdPlan& plan = tiles->plan;
    ASSERT_EQ(tiles->views(), 1 + plan.crops_w * plan.crops_h);
    ASSERT_EQ(tiles->crop_size, kSide);
    constexpr std::size_t kView = 3 * kSide * kSide;
    ASSERT_EQ(tiles->pixels.size(), kView * static_cast<std::size_t>(tiles->views()));

    const Image canvas = hd_canvas(image, plan, params);
    std::vector<float> planes;  // [3, H, W]
    for (std::size_t c = 0; c < 3; ++c)
      for (int y = 0; y < canvas.height; ++y)
        for (int x = 0; x < canvas.width; ++x)
          planes.push_back((static_cast<float>(pixel(canvas, x, y)[c]) / 255.0f - params.mean[c]) /
                           params.std[c]);
    std::vector<float> expected =
        resize_bicubic(planes, 3, canvas.height, canvas.width, kSide, kSide);
    for (int row = 0; row < plan.crops_h; ++row)
      for (int col = 0; col < plan.crops_w; ++col)
        for (int c = 0; c < 3; ++c)
          for (int y = 0; y < kSide; ++y)
            for (int x = 0; x < kSide; ++x)
              expected.push_back(planes[static_cast<std::size_t>(
                  (c * canvas.height + row * kSide + y) * canvas.width + col * kSide + x)]);
    EXPECT_EQ(tiles->pixels, expected) << width << "x" << height;
  }
}

TEST(HdTransform, WhiteIsTheLargestValueOfEachChannel) {
  const Image image = test::make_image(20, 5, [](int, int) { return Rgb{0, 0, 0}; });
  const auto tiles = hd_transform(image, {.crop_size = kSide, .num_crops = 1});
  ASSERT_TRUE(tiles.ok()) << tiles.error().describe();
  ASSERT_EQ(tiles->plan.pad_bottom, 2);
  // CLIP's mean and deviation; the last row is padding.
  const float white[] = {(1.0f - 0.48145466f) / 0.26862954f, (1.0f - 0.4578275f) / 0.26130258f,
                         (1.0f - 0.40821073f) / 0.27577711f};
  for (std::size_t c = 0; c < 3; ++c) EXPECT_EQ(tiles->pixels[48 + c * 16 + 15], white[c]) << c;
}

TEST(HdTransform, AnInterruptEndsIt) {
  for (const auto& [width, height] : {std::pair{300, 200}, std::pair{200, 300}}) {
    int asked = 0;
    const Interrupt leaves{.cancelled = [&] { return ++asked >= 30; }};
    const auto tiles = hd_transform(test::rough_image(width, height), {.crop_size = 28}, leaves);
    ASSERT_FALSE(tiles.ok());
    EXPECT_EQ(tiles.error().code, ErrorCode::kCancelled);
  }
}

}  // namespace
}  // namespace oc
