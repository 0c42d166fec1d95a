// Colours from brightness and differences, against the formulas of ITU-T H.273 in double.
#include "image/isolated/yuv_rows.h"

#include <cmath>

#include "tests/image/fixtures.h"

namespace oc {
namespace {

struct Source {
  int width = 0, height = 0, bits = 8;
  std::vector<std::uint8_t> bytes;
  int at(int x, int y) const {
    const auto i = static_cast<std::size_t>(y * width + x);
    return bits == 8 ? bytes[i] : bytes[2 * i] | bytes[2 * i + 1] << 8;
  }
  Plane plane() const {
    return {.data = bytes.data(),
            .stride = std::ptrdiff_t{width} * (bits > 8 ? 2 : 1),
            .width = width,
            .height = height,
            .bits = bits};
  }
};
Source make_source(int width, int height, int bits, int seed) {
  Source out{width, height, bits, {}};
  for (int i = 0; i < width * height; ++i) {
    const int value = (i * 7919 + seed * 104729) % (1 << bits);
    out.bytes.push_back(static_cast<std::uint8_t>(value));
    if (bits > 8) out.bytes.push_back(static_cast<std::uint8_t>(value >> 8));
  }
  return out;
}

TEST(YuvRows, FollowTheFormulas) {
  constexpr int kWidth = 9, kHeight = 5;
  for (const int bits : {8, 10, 12})
    for (const bool full : {false, true})
      for (const auto& [matrix, kr, kb] :
           {std::tuple{1, 0.2126, 0.0722}, {6, 0.299, 0.114}, {9, 0.2627, 0.0593}}) {
        const Source y = make_source(kWidth, kHeight, bits, 1),
                     cb = make_source(kWidth, kHeight, bits, 2),
                     cr = make_source(kWidth, kHeight, bits, 3);
        auto rows = YuvRows::make({.y = y.plane(), .cb = cb.plane(), .cr = cr.plane(), .alpha = {}},
                                  {.matrix = matrix, .full_range = full}, Samples::kRgb);
        ASSERT_TRUE(rows.has_value());
        const double scale = 1 << (bits - 8), most = (1 << bits) - 1;
        for (int row = 0; row < kHeight; ++row) {
          std::array<std::uint8_t, kWidth * 3> out{};
          rows->row(row, 0, kWidth, out.data());
          for (int x = 0; x < kWidth; ++x) {
            const double luma = full ? y.at(x, row) / most : (y.at(x, row) / scale - 16) / 219;
            const auto chroma = [&](const Source& plane) {
              const double value = plane.at(x, row);
              return full ? (value - 128 * scale) / most : (value / scale - 128) / 224;
            };
            const double r = luma + 2 * (1 - kr) * chroma(cr), b = luma + 2 * (1 - kb) * chroma(cb);
            const double g = (luma - kr * r - kb * b) / (1 - kr - kb);
            int i = 0;
            for (const double value : {r, g, b}) {
              const double expected = std::clamp(value * 255, 0.0, 255.0);
              EXPECT_NEAR(out[static_cast<std::size_t>(3 * x + i++)], expected, 0.51)
                  << bits << " " << full << " " << matrix;
            }
          }
        }
      }
}

// Between neighbours: 9, 3, 3 and 1 sixteenths of the four nearest; or each for its four pixels.
TEST(YuvRows, ThinnedOutColoursAreBroughtUp) {
  const Source y = make_source(6, 4, 8, 1);
  Source grey{3, 2, 8, std::vector<std::uint8_t>(6, 128)};
  Source cr{3, 2, 8, {96, 160, 112, 144, 100, 180}};
  for (const bool smooth : {true, false}) {
    auto rows = YuvRows::make({.y = y.plane(),
                               .cb = grey.plane(),
                               .cr = cr.plane(),
                               .alpha = {},
                               .shift_x = 1,
                               .shift_y = 1,
                               .smooth = smooth},
                              {.matrix = 6}, Samples::kRgb);
    ASSERT_TRUE(rows.has_value());
    for (int row = 0; row < 4; ++row) {
      std::array<std::uint8_t, 6 * 3> out{};
      rows->row(row, 0, 6, out.data());
      for (int x = 0; x < 6; ++x) {
        const auto near = [](int at, int size) { return std::clamp(at, 0, size - 1); };
        const int cx = x / 2, cy = row / 2;
        const int nx = near(cx + (x % 2 != 0 ? 1 : -1), 3),
                  ny = near(cy + (row % 2 != 0 ? 1 : -1), 2);
        const double value =
            smooth
                ? (9 * cr.at(cx, cy) + 3 * cr.at(nx, cy) + 3 * cr.at(cx, ny) + cr.at(nx, ny)) / 16.0
                : cr.at(cx, cy);
        const double red = std::clamp(y.at(x, row) + 1.402 * (value - 128), 0.0, 255.0);
        EXPECT_NEAR(out[static_cast<std::size_t>(3 * x)], red, 0.51) << x << ", " << row;
      }
    }
  }
}

TEST(YuvRows, PartOfARowAndAlpha) {
  const Source y = make_source(8, 2, 8, 1), alpha = make_source(8, 2, 10, 5);
  auto rows = YuvRows::make({.y = y.plane(), .cb = {}, .cr = {}, .alpha = alpha.plane()}, {},
                            Samples::kGreyAlpha);
  ASSERT_TRUE(rows.has_value());
  std::array<std::uint8_t, 6> out{};
  rows->row(1, 3, 3, out.data());
  for (int x = 0; x < 3; ++x) {
    EXPECT_EQ(out[static_cast<std::size_t>(2 * x)], y.at(3 + x, 1));
    EXPECT_NEAR(out[static_cast<std::size_t>(2 * x + 1)], alpha.at(3 + x, 1) * 255.0 / 1023, 0.51);
  }
}

TEST(YuvRows, GreenBlueRedAndUnknownOnes) {
  const Source g = make_source(4, 1, 8, 1), b = make_source(4, 1, 8, 2),
               r = make_source(4, 1, 8, 3);
  const Planes planes{.y = g.plane(), .cb = b.plane(), .cr = r.plane(), .alpha = {}};
  auto rows = YuvRows::make(planes, {.matrix = 0}, Samples::kRgb);
  ASSERT_TRUE(rows.has_value());
  std::array<std::uint8_t, 12> out{};
  rows->row(0, 0, 4, out.data());
  for (int x = 0; x < 4; ++x) {
    const auto at = static_cast<std::size_t>(3 * x);
    EXPECT_EQ(out[at], r.at(x, 0));
    EXPECT_EQ(out[at + 1], g.at(x, 0));
    EXPECT_EQ(out[at + 2], b.at(x, 0));
  }
  for (const int matrix : {3, 10, 11, 13, 14, 200, -1})
    EXPECT_FALSE(YuvRows::make(planes, {.matrix = matrix}, Samples::kRgb).has_value());
}

}  // namespace
}  // namespace oc
