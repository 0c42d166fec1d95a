// Numbers worked out by hand; tests/parity compares whole pictures with Pillow and torch.
#include "image/resize.h"

#include <cmath>

#include "base/check.h"
#include "tests/image/fixtures.h"

namespace oc {
namespace {

using test::difference;
using test::make_image;
using test::Rgb;

// One row of grey values, resized.
std::vector<int> row(const std::vector<int>& values, int width) {
  const Image image = make_image(static_cast<int>(values.size()), 1, [&](int x, int) {
    const int value = values[static_cast<std::size_t>(x)];
    return Rgb{value, value, value};
  });
  const Image out = resize_bilinear(image, width, 1);
  EXPECT_EQ(out.width, width);
  EXPECT_EQ(out.height, 1);
  std::vector<int> greys;
  for (int x = 0; x < width; ++x) greys.push_back(test::pixel(out, x, 0)[0]);
  return greys;
}

Image transposed(const Image& image) {
  return make_image(image.height, image.width,
                    [&](int x, int y) { return test::pixel(image, y, x); });
}

// Halving 2: both samples lie a quarter of the support from the centre.
TEST(Bilinear, TheMeanOfTwoRoundsUp) {
  EXPECT_EQ(row({0, 100}, 1), (std::vector{50}));
  EXPECT_EQ(row({0, 255}, 1), (std::vector{128}));
  EXPECT_EQ(row({0, 1}, 1), (std::vector{1}));
}

// Halving 4: support 2 around the centre 1, weights 3/4, 3/4, 1/4 (the fourth sample is outside):
// (3·10 + 3·20 + 40) / 7 = 18.6, and mirrored (20 + 3·40 + 3·80) / 7 = 54.3.
TEST(Bilinear, ReductionIsAntialiased) {
  EXPECT_EQ(row({10, 20, 40, 80}, 2), (std::vector{19, 54}));
}

// Quarter points: the ends repeat, the middle is mixed 3 : 1.
TEST(Bilinear, Enlargement) {
  EXPECT_EQ(row({0, 100}, 4), (std::vector{0, 25, 75, 100}));
  EXPECT_EQ(row({80}, 5), (std::vector{80, 80, 80, 80, 80}));
}

TEST(Bilinear, TransposedIsTheSameWithoutTheCopy) {
  for (const auto& [width, height] : {std::pair{23, 41}, {60, 17}, {5, 90}, {30, 20}}) {
    const Image image = test::rough_image(width, height);
    for (const auto& [to_width, to_height] :
         {std::pair{11, 19}, {width, 19}, {11, height}, {width, height}, {70, 95}})
      EXPECT_EQ(difference(resize_bilinear_transposed(image, to_width, to_height),
                           transposed(resize_bilinear(transposed(image), to_height, to_width))),
                0)
          << width << "x" << height << " to " << to_width << "x" << to_height;
  }
}

TEST(Bilinear, ChannelsDoNotMix) {
  const Image image = make_image(4, 3, [](int x, int y) { return Rgb{x * 60, y * 100, 7}; });
  const Image out = resize_bilinear(image, 9, 5);
  for (int y = 0; y < 5; ++y)
    for (int x = 0; x < 9; ++x) {
      EXPECT_EQ(test::pixel(out, x, y)[0], test::pixel(out, x, 0)[0]);
      EXPECT_EQ(test::pixel(out, x, y)[1], test::pixel(out, 0, y)[1]);
      EXPECT_EQ(test::pixel(out, x, y)[2], 7);
    }
}

TEST(Bilinear, TheSameSizeIsTheSamePicture) {
  const Image image = test::rough_image(13, 7);
  EXPECT_EQ(difference(resize_bilinear(image, 13, 7), image), 0);
}

TEST(Bilinear, RowsAndColumnsAreTreatedAlike) {
  const Image image = test::rough_image(23, 11);
  for (const int size : {1, 2, 5, 22, 24, 60})
    EXPECT_EQ(difference(transposed(resize_bilinear(image, size, 11)),
                         resize_bilinear(transposed(image), 11, size)),
              0)
        << size;
}

TEST(Bilinear, FirstTheRowsThenTheColumns) {
  const Image image = test::rough_image(23, 11);
  EXPECT_EQ(difference(resize_bilinear(image, 9, 17),
                       resize_bilinear(resize_bilinear(image, 9, 11), 9, 17)),
            0);
}

// Weights add up to one to the last bit of 22, so that neither white nor black drifts.
TEST(Bilinear, OneColourStaysItself) {
  for (const int from : {1, 2, 3, 7, 336, 1000})
    for (const int to : {1, 2, 5, 336, 337, 1001}) {
      const Image image = make_image(from, 1, [](int, int) { return Rgb{255, 0, 131}; });
      const Image out = resize_bilinear(image, to, 1);
      for (int x = 0; x < to; ++x)
        ASSERT_EQ(test::pixel(out, x, 0), (Rgb{255, 0, 131})) << from << " to " << to;
    }
}

TEST(Bilinear, NothingLeavesTheRange) {
  const Image image = make_image(40, 30, [](int x, int y) {
    return (x + y) % 2 == 0 ? Rgb{50, 50, 50} : Rgb{60, 60, 60};
  });
  for (const auto& [width, height] : {std::pair{7, 5}, {41, 29}, {100, 90}, {1, 1}})
    for (const std::uint8_t value : resize_bilinear(image, width, height).rgb) {
      ASSERT_GE(value, 50);
      ASSERT_LE(value, 60);
    }
}

TEST(Bilinear, NoSizeIsOurMistake) {
  const Image image = test::rough_image(2, 2);
  EXPECT_THROW(resize_bilinear(image, 0, 2), CheckFailure);
  EXPECT_THROW(resize_bilinear(image, 2, -1), CheckFailure);
  EXPECT_THROW(resize_bilinear(Image{}, 2, 2), CheckFailure);
}

// Halving: the four weights at the middle of two samples are -3/32, 19/32, 19/32, -3/32; all exact.
TEST(Bicubic, HalvingByHand) {
  const std::vector<float> four = {1, 2, 4, 8};
  const std::vector<float> expected = {1.3125f, 6.1875f};
  EXPECT_EQ(resize_bicubic(four, 1, 1, 4, 1, 2), expected);
  EXPECT_EQ(resize_bicubic(four, 1, 4, 1, 2, 1), expected);
}

// Doubling: quarter points, a = -0.75: weights -27/256, 225/256, 67/256, -9/256.
TEST(Bicubic, DoublingByHand) {
  const auto out = resize_bicubic(std::vector<float>{0, 0, 256, 0, 0}, 1, 1, 5, 1, 10);
  EXPECT_EQ(out, (std::vector<float>{0, -9, -27, 67, 225, 225, 67, -27, -9, 0}));
}

TEST(Bicubic, EdgesAreRepeated) {
  const auto out = resize_bicubic(std::vector<float>{256, 0, 0, 0}, 1, 1, 4, 1, 8);
  EXPECT_EQ(out[0], 283) << "-9, 67 and 225 of 256 lie on the first sample";
}

TEST(Bicubic, TheSameSizeIsTheSamePlane) {
  std::vector<float> planes;
  for (int i = 0; i < 2 * 5 * 3; ++i) planes.push_back(static_cast<float>(i * i % 17) - 8.5f);
  EXPECT_EQ(resize_bicubic(planes, 2, 5, 3, 5, 3), planes);
}

TEST(Bicubic, PlanesRowsAndColumnsKeepApart) {
  // Only one plane is not zero, and only its rows differ.
  std::vector<float> planes(3 * 8 * 6, 0.0f);
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 6; ++x)
      planes[static_cast<std::size_t>(48 + y * 6 + x)] = static_cast<float>(y);
  const auto out = resize_bicubic(planes, 3, 8, 6, 4, 5);
  ASSERT_EQ(out.size(), 60u);
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(out[i], 0.0f);
    EXPECT_EQ(out[40 + i], 0.0f);
    // Weights add up to one within a rounding or two.
    EXPECT_NEAR(out[20 + i], out[20 + i / 5 * 5], 1e-5) << "the same along a row";
  }
  EXPECT_NEAR(out[20 + 5], 2.5, 1e-5) << "the middle between rows 2 and 3";
}

// No antialiasing: a reduction by eight looks at four samples of eight.
TEST(Bicubic, ReductionSkipsSamples) {
  std::vector<float> values(24, 0.0f);
  for (const std::size_t far : {0u, 1u, 6u, 7u, 8u, 9u, 14u}) values[far] = 1000;
  EXPECT_EQ(resize_bicubic(values, 1, 1, 24, 1, 3), (std::vector<float>{0, 0, 0}));
  values[2] = 32;  // the outermost of the four that count
  EXPECT_EQ(resize_bicubic(values, 1, 1, 24, 1, 3)[0], -3);
}

TEST(Bicubic, OneValueStaysItself) {
  const std::vector<float> plane(77 * 50, 0.7f);
  for (const float value : resize_bicubic(plane, 1, 77, 50, 33, 61)) ASSERT_NEAR(value, 0.7, 1e-6);
}

TEST(Bicubic, AWrongAmountIsOurMistake) {
  EXPECT_THROW(resize_bicubic(std::vector<float>(11), 1, 3, 4, 2, 2), CheckFailure);
}

// CRC-32 of the pixels, as zlib.crc32 in Python.
std::uint32_t crc32(const std::vector<std::uint8_t>& bytes) {
  std::uint32_t crc = 0xffffffffu;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0u);
  }
  return ~crc;
}

// Pillow 13.0: crc32(image.resize((w, h), Image.Resampling.LANCZOS).tobytes()).
TEST(Lanczos, IsPillowsToTheBit) {
  const Image image = make_image(97, 61, [](int x, int y) {
    return Rgb{x * 7 % 256, y * 11 % 256, (x * y + 31) % 256};
  });
  struct Case {
    int width, height;
    std::uint32_t crc;
  };
  for (const auto& [width, height, crc] :
       {Case{64, 40, 0x13e19e73}, Case{31, 61, 0xc6b72a90}, Case{97, 17, 0xfe00a9b7},
        Case{5, 3, 0x94500fa8}, Case{1, 1, 0x726053f0}, Case{200, 90, 0xbca6f3f2}}) {
    const Image out = resize_lanczos(image, width, height);
    EXPECT_EQ(out.width, width);
    EXPECT_EQ(out.height, height);
    EXPECT_EQ(crc32(out.rgb), crc) << width << "x" << height;
  }
}

}  // namespace
}  // namespace oc
