#include "models/smolvlm/tiles.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/clock.h"
#include "image/resize.h"

namespace oc {
namespace {

struct Size {
  int width = 0, height = 0;
};

// The short side is made even, and none vanishes. The reference divides by the ratio: another form
// of the same rounds otherwise (512 x 445 becomes 1779 + 1 high, not 1780).
Size with_longest_edge(int width, int height, int longest_edge) {
  const double ratio = static_cast<double>(width) / height;
  Size size;
  if (width >= height) {
    size = {longest_edge, static_cast<int>(longest_edge / ratio)};
    size.height += size.height % 2;
  } else {
    size = {static_cast<int>(longest_edge * ratio), longest_edge};
    size.width += size.width % 2;
  }
  return {std::max(size.width, 1), std::max(size.height, 1)};
}

Size to_whole_tiles(const Size& from, int tile) {
  const auto up = [tile](int side) { return std::max((side + tile - 1) / tile, 1) * tile; };
  const double ratio = static_cast<double>(from.width) / from.height;
  Size size;
  if (from.width >= from.height) {
    size.width = up(from.width);
    size.height = up(static_cast<int>(size.width / ratio));
  } else {
    size.height = up(from.height);
    size.width = up(static_cast<int>(size.height * ratio));
  }
  return size;
}

using Values = std::array<float, 256>;  // of a byte

Values values_of(const SmolVlmImageConfig& config, std::size_t channel) {
  Values values;
  for (int byte = 0; byte < 256; ++byte) {
    const auto unit = static_cast<float>(byte * config.rescale_factor);
    values[static_cast<std::size_t>(byte)] = (unit - config.mean[channel]) / config.std[channel];
  }
  return values;
}

// The square [side, side] of the picture at (left, top), channel by channel.
void write_view(const Image& image, int left, int top, int side,
                const std::array<Values, 3>& values, float* to) {
  for (std::size_t channel = 0; channel < 3; ++channel)
    for (int y = top; y < top + side; ++y) {
      const std::uint8_t* from =
          image.rgb.data() +
          (static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) +
           static_cast<std::size_t>(left)) *
              3 +
          channel;
      for (int x = 0; x < side; ++x) *to++ = values[channel][from[3 * x]];
    }
}

}  // namespace

Result<TilePlan> plan_tiles(int width, int height, int tile, int longest_edge,
                            bool do_image_splitting) {
  if (width < 1 || height < 1)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("a picture of {}x{} pixels", width, height), ""};
  TilePlan plan{.tile = tile};
  const Size resized = with_longest_edge(width, height, longest_edge);
  const Size canvas = do_image_splitting ? to_whole_tiles(resized, tile) : Size{tile, tile};
  plan.resize_width = resized.width;
  plan.resize_height = resized.height;
  plan.canvas_width = canvas.width;
  plan.canvas_height = canvas.height;
  if (canvas.width > tile || canvas.height > tile) {
    plan.rows = canvas.height / tile;
    plan.cols = canvas.width / tile;
  }
  return plan;
}

Image smolvlm_resized(const Image& image, const TilePlan& plan, const Interrupt& interrupt) {
  return resize_lanczos(image, plan.resize_width, plan.resize_height, interrupt);
}
Image smolvlm_canvas(const Image& resized, const TilePlan& plan, const Interrupt& interrupt) {
  return resize_lanczos(resized, plan.canvas_width, plan.canvas_height, interrupt);
}
Image smolvlm_global(const Image& canvas, const TilePlan& plan, const Interrupt& interrupt) {
  return resize_lanczos(canvas, plan.tile, plan.tile, interrupt);
}

Tiles cut_tiles(const Image& canvas, const Image& global, const TilePlan& plan,
                const SmolVlmImageConfig& config) {
  Tiles tiles{.plan = plan};
  const std::array<Values, 3> values = {values_of(config, 0), values_of(config, 1),
                                        values_of(config, 2)};
  const auto side = static_cast<std::size_t>(plan.tile), view = 3 * side * side;
  tiles.pixels.resize(view * static_cast<std::size_t>(plan.views()));
  float* to = tiles.pixels.data();
  for (int row = 0; row < plan.rows; ++row)
    for (int col = 0; col < plan.cols; ++col, to += view)
      write_view(canvas, col * plan.tile, row * plan.tile, plan.tile, values, to);
  write_view(global, 0, 0, plan.tile, values, to);
  return tiles;
}

Result<Tiles> cut_tiles(const Image& image, const TilePlan& plan, const SmolVlmImageConfig& config,
                        const Interrupt& interrupt) {
  const Stopwatch watch;
  const Image canvas = smolvlm_canvas(smolvlm_resized(image, plan, interrupt), plan, interrupt);
  const Image global = smolvlm_global(canvas, plan, interrupt);
  const double resize_ms = watch.ms();
  OC_RETURN_IF_ERROR(interrupt.check("preprocessing of a picture"));
  Tiles tiles = cut_tiles(canvas, global, plan, config);
  tiles.resize_ms = resize_ms;
  return tiles;
}

}  // namespace oc
