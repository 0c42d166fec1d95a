#include <algorithm>
#include <cmath>

#include "io/digest.h"
#include "models/golden.h"
#include "models/moondream/plan.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr double kStatistics = 2e-5;
constexpr int kPatch = 14;

int integer(const json::object& object, std::string_view key) {
  return object.at(key).to_number<int>();
}

bool as_expected(const CropPlan& plan, const json::object& expected) {
  const json::array& tiling = expected.at("tiling").as_array();
  const json::array& canvas = expected.at("canvas").as_array();
  return plan.rows == tiling.at(0).to_number<int>() && plan.cols == tiling.at(1).to_number<int>() &&
         plan.canvas_width == canvas.at(0).to_number<int>() &&
         plan.canvas_height == canvas.at(1).to_number<int>() &&
         plan.views() == integer(expected, "views");
}

void check_digest(const Image& image, const json::object& expected, std::string_view key,
                  std::string_view stage, GoldenChecks& checks) {
  Digest digest;
  digest.add(std::as_bytes(std::span(image.rgb)));
  checks.equal(stage, digest.finish_hex() == expected.at(key).as_string(), "other pixels");
}

void check_statistics(const Crops& crops, const json::object& expected, GoldenChecks& checks) {
  const json::array& means = expected.at("crop_mean").as_array();
  checks.equal("image.views", std::ssize(means) == crops.plan.views(), "other number");
  const auto size = crops.pixels.size() / static_cast<std::size_t>(crops.plan.views());
  for (std::size_t view = 0; view < means.size() && (view + 1) * size <= crops.pixels.size();
       ++view) {
    double sum = 0;
    for (const float value : std::span(crops.pixels).subspan(view * size, size)) sum += value;
    checks.difference("image.crop_mean",
                      std::abs(sum / static_cast<double>(size) - means[view].to_number<double>()),
                      kStatistics);
  }
}

// Every row_step-th row and col_step-th column of all views.
void check_pixels(const Crops& crops, const json::object& expected, GoldenChecks& checks) {
  const int side = crops.plan.side, planes = 3 * crops.plan.views();
  std::vector<float> found;
  for (int plane = 0; plane < planes; ++plane)
    for (int y = 0; y < side; y += integer(expected, "row_step"))
      for (int x = 0; x < side; x += integer(expected, "col_step"))
        found.push_back(
            crops.pixels[(static_cast<std::size_t>(plane) * static_cast<std::size_t>(side) +
                          static_cast<std::size_t>(y)) *
                             static_cast<std::size_t>(side) +
                         static_cast<std::size_t>(x)]);
  checks.compare("image.pixels", found, checks.tensor(expected.at("sample").as_string()), 0);
}

}  // namespace

std::optional<KnobValues> moondream_golden_knobs(
    const json::object& c, [[maybe_unused]] std::span<const ImageKnob> knobs) {
  const json::value* const count = c.if_contains("num_crops");
  if (count == nullptr) return KnobValues{};
  return KnobValues{{"max_crops", count->to_number<int>()}};
}

void check_moondream_golden_image(const GoldenImage& picture, GoldenChecks& checks) {
  const json::object& expected = picture.expected;
  MoondreamConfig config;
  config.vision.image_size = integer(picture.info, "crop_size");
  config.vision.patch_size = kPatch;
  config.overlap_margin = integer(picture.info, "margin") / kPatch;
  const auto plan =
      plan_crops(config, picture.image.width, picture.image.height, integer(expected, "num_crops"));
  if (!plan.ok()) {
    checks.equal("image.plan", false, plan.error().message);
    return;
  }
  checks.equal("image.plan", as_expected(*plan, expected), "other sizes");
  const Image canvas = moondream_canvas(picture.image, *plan);
  check_digest(canvas, expected, "canvas_sha256", "image.canvas", checks);
  const Image global = moondream_global(picture.image, *plan);
  check_digest(global, expected, "global_sha256", "image.global", checks);
  const Crops crops = cut_crops(canvas, global, *plan);
  check_statistics(crops, expected, checks);
  if (expected.contains("sample")) check_pixels(crops, expected, checks);
}

}  // namespace oc
