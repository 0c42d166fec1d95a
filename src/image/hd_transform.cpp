#include "image/hd_transform.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/clock.h"
#include "image/resize.h"

namespace oc {
namespace {

constexpr std::uint8_t kWhite = 255;
constexpr int kMostCrops = 64;

// Exchanges x and y (PIL's TRANSPOSE; not a rotation).
Image transposed(const Image& image) {
  Image out{image.height, image.width, {}};
  out.rgb.resize(image.rgb.size());
  const auto width = static_cast<std::size_t>(image.width),
             height = static_cast<std::size_t>(image.height);
  for (std::size_t y = 0; y < height; ++y)
    for (std::size_t x = 0; x < width; ++x)
      std::copy_n(image.rgb.data() + (y * width + x) * 3, 3, out.rgb.data() + (x * height + y) * 3);
  return out;
}

// ToTensor and Normalize: every byte has one value per channel, each operation rounded once.
std::vector<float> normalized(const Image& image, const HdParams& params) {
  std::array<std::array<float, 256>, 3> value;
  for (std::size_t channel = 0; channel < 3; ++channel)
    for (int byte = 0; byte < 256; ++byte) {
      const float unit = static_cast<float>(byte) / 255.0f;
      const float centred = unit - params.mean[channel];
      value[channel][static_cast<std::size_t>(byte)] = centred / params.std[channel];
    }
  const std::size_t plane = image.rgb.size() / 3;
  std::vector<float> out(image.rgb.size());
  for (std::size_t i = 0; i < plane; ++i)
    for (std::size_t channel = 0; channel < 3; ++channel)
      out[channel * plane + i] = value[channel][image.rgb[3 * i + channel]];
  return out;
}

}  // namespace

Result<HdPlan> plan_hd(int width, int height, const HdParams& params) {
  if (width < 1 || height < 1)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("a picture of {}x{} pixels", width, height), ""};
  if (params.num_crops < 1 || params.num_crops > kMostCrops)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("num_crops is {}, it must be 1 to {}", params.num_crops, kMostCrops),
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

Image hd_canvas(const Image& image, const HdPlan& plan, const HdParams& params) {
  OC_CHECK(params.crop_size > 0 && plan.crops_w > 0, "canvas without a plan");
  Image resized = plan.transposed
                      ? resize_bilinear(transposed(image), plan.resize_width, plan.resize_height)
                      : resize_bilinear(image, plan.resize_width, plan.resize_height);
  const std::size_t row = static_cast<std::size_t>(plan.resize_width) * 3;
  resized.rgb.insert(resized.rgb.begin(), row * static_cast<std::size_t>(plan.pad_top), kWhite);
  resized.rgb.insert(resized.rgb.end(), row * static_cast<std::size_t>(plan.pad_bottom), kWhite);
  resized.height += plan.pad_top + plan.pad_bottom;
  return plan.transposed ? transposed(resized) : resized;
}

Result<HdTiles> hd_transform(const Image& image, const HdParams& params) {
  OC_ASSIGN_OR_RETURN(const HdPlan plan, plan_hd(image.width, image.height, params));
  const Stopwatch watch;
  const Image canvas = hd_canvas(image, plan, params);
  const double resize_ms = watch.ms();
  const std::vector<float> values = normalized(canvas, params);  // [3, H, W]
  const auto side = static_cast<std::size_t>(params.crop_size);
  const auto width = static_cast<std::size_t>(canvas.width),
             height = static_cast<std::size_t>(canvas.height);

  HdTiles tiles;
  tiles.plan = plan;
  tiles.resize_ms = resize_ms;
  tiles.crop_size = params.crop_size;
  tiles.pixels =
      resize_bicubic(values, 3, canvas.height, canvas.width, params.crop_size, params.crop_size);
  const std::size_t view = 3 * side * side;
  tiles.pixels.resize(view * static_cast<std::size_t>(tiles.views()));
  float* to = tiles.pixels.data() + view;
  for (std::size_t top = 0; top < height; top += side)
    for (std::size_t left = 0; left < width; left += side)
      for (std::size_t channel = 0; channel < 3; ++channel)
        for (std::size_t y = 0; y < side; ++y)
          to = std::copy_n(values.data() + (channel * height + top + y) * width + left, side, to);
  return tiles;
}

}  // namespace oc
