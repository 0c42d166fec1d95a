#include "models/moondream/crops.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "base/clock.h"
#include "image/resize.h"

namespace oc {
namespace {

struct Tiling {
  int rows = 1, cols = 1;
};

// (image_crops.py, select_tiling) One side that fits into a window is one crop, however long the
// other is. With more windows than `most` along both sides the grid shrinks alike, to one row or
// column at least, so that a long strip may get more crops than `most`.
Tiling select_tiling(int height, int width, int window, int most) {
  if (height <= window || width <= window) return {};
  const double h = height, w = width;
  const int min_rows = (height + window - 1) / window, min_cols = (width + window - 1) / window;
  if (const auto windows = std::int64_t{min_rows} * min_cols; windows > most) {
    const double ratio = std::sqrt(static_cast<double>(most) / static_cast<double>(windows));
    return {std::max(1, static_cast<int>(std::floor(min_rows * ratio))),
            std::max(1, static_cast<int>(std::floor(min_cols * ratio)))};
  }
  Tiling tiling{std::max(static_cast<int>(std::floor(std::sqrt(most * h / w))), min_rows),
                std::max(static_cast<int>(std::floor(std::sqrt(most * w / h))), min_cols)};
  if (tiling.rows * tiling.cols > most) {
    if (tiling.cols > tiling.rows)
      tiling.cols = most / tiling.rows;
    else
      tiling.rows = most / tiling.cols;
  }
  return {std::max(1, tiling.rows), std::max(1, tiling.cols)};
}

// (x / 255 − 0.5) / 0.5, a rounding each.
std::array<float, 256> values_of_bytes() {
  std::array<float, 256> values{};
  for (int byte = 0; byte < 256; ++byte)
    values[static_cast<std::size_t>(byte)] = (static_cast<float>(byte) / 255.0f - 0.5f) / 0.5f;
  return values;
}

// The square [side, side] of the picture at (left, top), channel by channel.
float* write_view(const Image& image, int left, int top, int side,
                  const std::array<float, 256>& values, float* to) {
  for (std::size_t channel = 0; channel < 3; ++channel)
    for (int y = top; y < top + side; ++y) {
      const std::uint8_t* from =
          image.rgb.data() +
          (static_cast<std::size_t>(y) * static_cast<std::size_t>(image.width) +
           static_cast<std::size_t>(left)) *
              3 +
          channel;
      for (int x = 0; x < side; ++x) *to++ = values[from[3 * x]];
    }
  return to;
}

}  // namespace

Result<CropPlan> plan_crops(const MoondreamConfig& config, int width, int height, int max_crops) {
  if (width < 1 || height < 1)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("a picture of {}x{} pixels", width, height), ""};
  const int window = config.window(), margin = config.margin();
  const Tiling tiling = select_tiling(height - margin, width - margin, window, max_crops);
  return CropPlan{.side = config.vision.image_size,
                  .window = window,
                  .canvas_width = tiling.cols * window + margin,
                  .canvas_height = tiling.rows * window + margin,
                  .rows = tiling.rows,
                  .cols = tiling.cols};
}

Image moondream_canvas(const Image& image, const CropPlan& plan, const Interrupt& interrupt) {
  return resize_lanczos(image, plan.canvas_width, plan.canvas_height, interrupt);
}
Image moondream_global(const Image& image, const CropPlan& plan, const Interrupt& interrupt) {
  return resize_lanczos(image, plan.side, plan.side, interrupt);
}

Crops cut_crops(const Image& canvas, const Image& global, const CropPlan& plan) {
  static const std::array<float, 256> values = values_of_bytes();
  Crops crops{.plan = plan};
  const auto side = static_cast<std::size_t>(plan.side);
  crops.pixels.resize(3 * side * side * static_cast<std::size_t>(plan.views()));
  float* to = write_view(global, 0, 0, plan.side, values, crops.pixels.data());
  for (int row = 0; row < plan.rows; ++row)
    for (int col = 0; col < plan.cols; ++col)
      to = write_view(canvas, col * plan.window, row * plan.window, plan.side, values, to);
  return crops;
}

Result<Crops> cut_crops(const Image& image, const CropPlan& plan, const Interrupt& interrupt) {
  const Stopwatch watch;
  const Image global = moondream_global(image, plan, interrupt);
  const Image canvas = plan.one_crop() ? global : moondream_canvas(image, plan, interrupt);
  const double resize_ms = watch.ms();
  OC_RETURN_IF_ERROR(interrupt.check("preprocessing of a picture"));
  Crops crops = cut_crops(canvas, global, plan);
  crops.resize_ms = resize_ms;
  return crops;
}

}  // namespace oc
