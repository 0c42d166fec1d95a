#include <algorithm>
#include <cmath>

#include "io/digest.h"
#include "models/golden.h"
#include "models/phi3v/plan.h"

namespace oc {
namespace {

namespace json = boost::json;

// The golden README's tolerances.
constexpr double kLossyCropMean = 0.01;
constexpr double kGlobalPixels = 2e-5;
constexpr double kStatistics = 2e-5;

std::vector<int> integers(const json::value& list) {
  std::vector<int> out;
  for (const json::value& value : list.as_array()) out.push_back(value.to_number<int>());
  return out;
}

std::span<const float> pixels_of(const HdTiles& tiles, int view) {
  const auto size = 3 * static_cast<std::size_t>(tiles.crop_size * tiles.crop_size);
  return std::span(tiles.pixels).subspan(static_cast<std::size_t>(view) * size, size);
}

void check_statistics(const GoldenImage& picture, const HdTiles& tiles, GoldenChecks& checks) {
  const json::array& means = picture.expected.at("crop_mean").as_array();
  checks.equal("image.views", std::ssize(means) == tiles.views(), "other number");
  for (int view = 0; view < std::min<int>(tiles.views(), static_cast<int>(means.size())); ++view) {
    double sum = 0;
    const std::span<const float> pixels = pixels_of(tiles, view);
    for (const float value : pixels) sum += value;
    const double mean = sum / static_cast<double>(pixels.size());
    checks.difference(picture.lossy ? "image.lossy_crop_mean" : "image.crop_mean",
                      std::abs(mean - means[static_cast<std::size_t>(view)].to_number<double>()),
                      picture.lossy ? kLossyCropMean : kStatistics);
  }
}

// Every row_step-th row and col_step-th column of all views; the global one is resampled.
void check_pixels(const HdTiles& tiles, std::string_view name, int row_step, int col_step,
                  GoldenChecks& checks) {
  const std::vector<float> expected = checks.tensor(name);
  std::vector<float> global, crops;
  const int side = tiles.crop_size;
  for (int view = 0; view < tiles.views(); ++view)
    for (int channel = 0; channel < 3; ++channel)
      for (int y = 0; y < side; y += row_step)
        for (int x = 0; x < side; x += col_step)
          (view == 0 ? global : crops)
              .push_back(pixels_of(
                  tiles, view)[static_cast<std::size_t>((channel * side + y) * side + x)]);
  if (expected.size() != global.size() + crops.size()) {
    checks.equal("image.sample_size", false, "other number of values");
    return;
  }
  checks.compare("image.global", global, std::span(expected).first(global.size()), kGlobalPixels);
  checks.compare("image.crops", crops, std::span(expected).subspan(global.size()), 0);
}

bool as_expected(const HdPlan& plan, const json::object& expected) {
  const std::vector<int> sizes = integers(expected.at("image_sizes"));
  const std::vector<int> crops = integers(expected.at("crops"));
  const std::vector<int> resize = integers(expected.at("resize")),
                         pad = integers(expected.at("pad"));
  return plan.canvas_height == sizes.at(0) && plan.canvas_width == sizes.at(1) &&
         plan.crops_h == crops.at(0) && plan.crops_w == crops.at(1) &&
         plan.resize_width == resize.at(0) && plan.resize_height == resize.at(1) &&
         plan.pad_top == pad.at(0) && plan.pad_bottom == pad.at(1) &&
         plan.transposed == expected.at("transposed").as_bool();
}

}  // namespace

void check_phi3v_golden_image(const GoldenImage& picture, GoldenChecks& checks) {
  const json::object& expected = picture.expected;
  HdParams params;
  if (const json::value* const side = picture.info.if_contains("crop_size"))
    params.crop_size = side->to_number<int>();
  params.num_crops = expected.at("num_crops").to_number<int>();
  const Result<HdTiles> tiles = hd_transform(picture.image, params);
  if (expected.contains("error")) {
    checks.equal("image.refused", !tiles.ok(), "accepted, should be refused");
    return;
  }
  if (!tiles.ok()) {
    checks.equal("image.plan", false, tiles.error().message);
    return;
  }
  checks.equal("image.plan", as_expected(tiles->plan, expected), "other sizes");
  check_statistics(picture, *tiles, checks);
  if (picture.lossy) return;
  const Image canvas = hd_canvas(picture.image, tiles->plan, params);
  Digest digest;
  digest.add(std::as_bytes(std::span(canvas.rgb)));
  checks.equal("image.canvas", digest.finish_hex() == expected.at("canvas_sha256").as_string(),
               "other pixels");
  if (const json::value* const sample = expected.if_contains("sample"))
    check_pixels(*tiles, sample->as_string(), expected.at("row_step").to_number<int>(),
                 expected.at("col_step").to_number<int>(), checks);
  if (const json::value* const full = expected.if_contains("full"))
    check_pixels(*tiles, full->as_string(), 1, 1, checks);
}

}  // namespace oc
