#include "models/phi3v/hd_transform.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "image/resize.h"

namespace oc {
namespace {

constexpr std::uint8_t kWhite = 255;

// ToTensor and Normalize of one channel: every byte has one value, each operation rounded once.
void normalize(const Image& image, const HdParams& params, std::size_t channel,
               std::vector<float>& plane) {
  std::array<float, 256> value;
  for (int byte = 0; byte < 256; ++byte) {
    const float unit = static_cast<float>(byte) / 255.0f;
    const float centred = unit - params.mean[channel];
    value[static_cast<std::size_t>(byte)] = centred / params.std[channel];
  }
  for (std::size_t i = 0; i < plane.size(); ++i) plane[i] = value[image.rgb[3 * i + channel]];
}

}  // namespace

Result<HdPlan> plan_hd(int width, int height, const HdParams& params) {
  if (width < 1 || height < 1)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("a picture of {}x{} pixels", width, height), ""};
  if (params.num_crops < 1 || params.num_crops > kMaxCrops)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("num_crops is {}, it must be 1 to {}", params.num_crops, kMaxCrops),
                 "", "num_crops"};
  HdPlan plan;
  plan.transposed = width < height;
  const double ratio =
      plan.transposed ? static_cast<double>(height) / width : static_cast<double>(width) / height;
  int scale = 1;
  while (scale * std::ceil(scale / ratio) <= params.num_crops) ++scale;
  --scale;
  const int side = params.crop_size;
  plan.resize_width = scale * side;
  plan.resize_height = static_cast<int>(plan.resize_width / ratio);
  if (plan.resize_height < 1)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("a picture of {}x{} pixels is too thin: its short side would vanish",
                             width, height),
                 "crop it, or ask for more crops"};
  const int rows = (plan.resize_height + side - 1) / side;
  const int padding = rows * side - plan.resize_height;
  plan.pad_top = padding / 2;
  plan.pad_bottom = padding - plan.pad_top;
  plan.canvas_width = plan.transposed ? rows * side : plan.resize_width;
  plan.canvas_height = plan.transposed ? plan.resize_width : rows * side;
  plan.crops_w = plan.canvas_width / side;
  plan.crops_h = plan.canvas_height / side;
  return plan;
}

Image hd_canvas(const Image& image, const HdPlan& plan, const HdParams& params,
                const Interrupt& interrupt) {
  OC_CHECK(params.crop_size > 0 && plan.crops_w > 0, "canvas without a plan");
  const Image resized =
      plan.transposed
          ? resize_bilinear_transposed(image, plan.resize_height, plan.resize_width, interrupt)
          : resize_bilinear(image, plan.resize_width, plan.resize_height, interrupt);
  const auto row = static_cast<std::size_t>(plan.canvas_width) * 3,
             resized_row = static_cast<std::size_t>(resized.width) * 3;
  Image canvas{plan.canvas_width, plan.canvas_height, {}};
  canvas.rgb.assign(row * static_cast<std::size_t>(plan.canvas_height), kWhite);
  std::uint8_t* to =
      canvas.rgb.data() + static_cast<std::size_t>(plan.pad_top) * (plan.transposed ? 3 : row);
  for (std::size_t y = 0; y < static_cast<std::size_t>(resized.height); ++y)
    std::copy_n(resized.rgb.data() + y * resized_row, resized_row, to + y * row);
  return canvas;
}

Result<HdTiles> hd_transform(const Image& image, const HdParams& params,
                             const Interrupt& interrupt) {
  OC_ASSIGN_OR_RETURN(const HdPlan plan, plan_hd(image.width, image.height, params));
  const Stopwatch watch;
  const Image canvas = hd_canvas(image, plan, params, interrupt);
  const double resize_ms = watch.ms();
  const auto side = static_cast<std::size_t>(params.crop_size);
  const auto width = static_cast<std::size_t>(canvas.width),
             height = static_cast<std::size_t>(canvas.height);

  HdTiles tiles;
  tiles.plan = plan;
  tiles.resize_ms = resize_ms;
  tiles.crop_size = params.crop_size;
  const std::size_t view = 3 * side * side;
  tiles.pixels.resize(view * static_cast<std::size_t>(tiles.views()));
  std::vector<float> plane(width * height);  // one channel at a time: of all, it would be much
  for (std::size_t channel = 0; channel < 3; ++channel) {
    OC_RETURN_IF_ERROR(interrupt.check("preprocessing of a picture"));
    normalize(canvas, params, channel, plane);
    float* to = tiles.pixels.data() + channel * side * side;
    std::ranges::copy(
        resize_bicubic(plane, 1, canvas.height, canvas.width, params.crop_size, params.crop_size),
        to);
    for (std::size_t top = 0; top < height; top += side)
      for (std::size_t left = 0; left < width; left += side) {
        to += view;
        for (std::size_t y = 0; y < side; ++y)
          std::copy_n(plane.data() + (top + y) * width + left, side, to + y * side);
      }
  }
  return tiles;
}

}  // namespace oc
