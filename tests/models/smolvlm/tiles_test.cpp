// Canvas, tiles and values; tests/parity has the reference's own pixels.
#include "models/smolvlm/tiles.h"

#include "image/resize.h"
#include "tests/image/fixtures.h"

namespace oc {
namespace {

using test::make_image;
using test::Rgb;

TEST(SmolVlmTiles, SizesByHand) {
  const struct {
    int width, height, longest_edge;
    int resize_width, resize_height, canvas_width, canvas_height, rows, cols;
  } cases[] = {
      {640, 480, 2048, 2048, 1536, 2048, 1536, 3, 4},
      {1920, 1080, 2048, 2048, 1152, 2048, 1536, 3, 4},
      {1080, 1920, 2048, 1152, 2048, 1536, 2048, 4, 3},
      {336, 336, 2048, 2048, 2048, 2048, 2048, 4, 4},
      {1, 1, 2048, 2048, 2048, 2048, 2048, 4, 4},
      {4000, 300, 2048, 2048, 154, 2048, 512, 1, 4},
      {100, 2000, 2048, 102, 2048, 512, 2048, 4, 1},
      {512, 445, 2048, 2048, 1780, 2048, 2048, 4, 4},  // 1779, made even
      {768, 297, 2048, 2048, 792, 2048, 1024, 2, 4},   // 791 likewise
      {900, 1, 512, 512, 1, 512, 512, 0, 0},           // nothing is less than 1
      {640, 480, 512, 512, 384, 512, 512, 0, 0},
      {640, 480, 100, 100, 76, 512, 512, 0, 0},  // 75 made even
      {640, 480, 1000, 1000, 750, 1024, 1024, 2, 2},
      {640, 640, 3072, 3072, 3072, 3072, 3072, 6, 6},
  };
  for (const auto& c : cases) {
    const TilePlan plan = plan_tiles(c.width, c.height, 512, c.longest_edge, true).value();
    const TilePlan expected{.tile = 512,
                            .resize_width = c.resize_width,
                            .resize_height = c.resize_height,
                            .canvas_width = c.canvas_width,
                            .canvas_height = c.canvas_height,
                            .rows = c.rows,
                            .cols = c.cols};
    EXPECT_EQ(plan, expected) << c.width << "x" << c.height << " at " << c.longest_edge << ": "
                              << plan.resize_width << "x" << plan.resize_height << ", "
                              << plan.canvas_width << "x" << plan.canvas_height;
    EXPECT_EQ(plan.views(), c.rows * c.cols + 1);
  }
  EXPECT_FALSE(plan_tiles(0, 10, 512, 2048, true).ok());
}

TEST(SmolVlmTiles, WithoutSplittingThereIsOneView) {
  const TilePlan plan = plan_tiles(640, 480, 512, 2048, false).value();
  EXPECT_EQ(plan.resize_width, 2048);
  EXPECT_EQ(plan.canvas_width, 512);
  EXPECT_EQ(plan.canvas_height, 512);
  EXPECT_EQ(plan.views(), 1);
}

// Every size, in both forms of the tower: whole tiles, at least the picture's, and no more than
// there are tokens for.
TEST(SmolVlmTiles, EverySizeHasAPlan) {
  for (const int tile : {512, 384})
    for (const int longest_edge : {1, tile - 1, tile, tile + 1, 4 * tile, kMaxTilesOfSide * tile})
      for (int long_side = 1; long_side < 3000; long_side += 37)
        for (int short_side = 1; short_side <= long_side; short_side += 61)
          for (const bool tall : {false, true}) {
            const TilePlan plan =
                plan_tiles(tall ? short_side : long_side, tall ? long_side : short_side, tile,
                           longest_edge, true)
                    .value();
            ASSERT_GE(plan.canvas_width, plan.resize_width);
            ASSERT_GE(plan.canvas_height, plan.resize_height - 1);
            ASSERT_EQ(plan.canvas_width % tile, 0);
            ASSERT_EQ(plan.canvas_height % tile, 0);
            ASSERT_LE(std::max(plan.rows, plan.cols), kMaxTilesOfSide);
            ASSERT_EQ(plan.rows == 0, plan.canvas_width == tile && plan.canvas_height == tile);
          }
}

TEST(SmolVlmTiles, TilesRowByRowThenTheGlobalViewOfTheCanvas) {
  const Image image = make_image(24, 16, [](int x, int y) { return Rgb{10 * x, 15 * y, 128}; });
  SmolVlmImageConfig config;
  config.tile = 8;
  const TilePlan plan = plan_tiles(24, 16, 8, 24, true).value();
  ASSERT_EQ(plan.rows, 2);
  ASSERT_EQ(plan.cols, 3);
  const Tiles tiles = cut_tiles(image, plan, config).value();
  ASSERT_EQ(tiles.pixels.size(), 7u * 3 * 64);
  const auto at = [&](int view, int channel, int x, int y) {
    return tiles.pixels[static_cast<std::size_t>(((view * 3 + channel) * 8 + y) * 8 + x)];
  };
  const auto value = [](int byte) {
    return (static_cast<float>(byte * 0.00392156862745098) - 0.5f) / 0.5f;
  };
  for (int view = 0; view < 6; ++view)
    for (int y = 0; y < 8; ++y)
      for (int x = 0; x < 8; ++x) {
        ASSERT_EQ(at(view, 0, x, y), value(10 * (view % 3 * 8 + x)));
        ASSERT_EQ(at(view, 1, x, y), value(15 * (view / 3 * 8 + y)));
        ASSERT_EQ(at(view, 2, x, y), value(128));
      }
  const Image global = resize_lanczos(image, 8, 8);
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 8; ++x)
      ASSERT_EQ(at(6, 0, x, y), value(global.rgb[static_cast<std::size_t>((y * 8 + x) * 3)]));
}

TEST(SmolVlmTiles, CanBeInterrupted) {
  const Image image = make_image(40, 40, [](int, int) { return Rgb{1, 2, 3}; });
  SmolVlmImageConfig config;
  config.tile = 8;
  const TilePlan plan = plan_tiles(40, 40, 8, 32, true).value();
  const auto cut = cut_tiles(image, plan, config, Interrupt{.cancelled = [] { return true; }});
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace oc
