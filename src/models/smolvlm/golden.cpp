#include <algorithm>
#include <cmath>

#include "io/digest.h"
#include "models/golden.h"
#include "models/smolvlm/plan.h"

namespace oc {
namespace {

namespace json = boost::json;

constexpr double kStatistics = 2e-5;

int integer(const json::object& object, std::string_view key) {
  return object.at(key).to_number<int>();
}

bool is_size(const json::object& expected, std::string_view key, int width, int height) {
  const json::array& size = expected.at(key).as_array();
  return size.at(0).to_number<int>() == width && size.at(1).to_number<int>() == height;
}

bool as_expected(const TilePlan& plan, const json::object& expected) {
  return is_size(expected, "resize", plan.resize_width, plan.resize_height) &&
         is_size(expected, "canvas", plan.canvas_width, plan.canvas_height) &&
         plan.rows == integer(expected, "rows") && plan.cols == integer(expected, "cols") &&
         plan.views() == integer(expected, "views");
}

void check_digest(const Image& image, const json::object& expected, std::string_view key,
                  std::string_view stage, GoldenChecks& checks) {
  const json::value* const wanted = expected.if_contains(key);
  if (wanted == nullptr || !wanted->is_string()) return;
  Digest digest;
  digest.add(std::as_bytes(std::span(image.rgb)));
  checks.equal(stage, digest.finish_hex() == wanted->as_string(), "other pixels");
}

void check_statistics(const Tiles& tiles, const json::object& expected, GoldenChecks& checks) {
  const json::array& means = expected.at("crop_mean").as_array();
  checks.equal("image.views", std::ssize(means) == tiles.plan.views(), "other number");
  const auto size = tiles.pixels.size() / static_cast<std::size_t>(tiles.plan.views());
  for (std::size_t view = 0; view < means.size() && (view + 1) * size <= tiles.pixels.size();
       ++view) {
    double sum = 0;
    for (const float value : std::span(tiles.pixels).subspan(view * size, size)) sum += value;
    checks.difference("image.crop_mean",
                      std::abs(sum / static_cast<double>(size) - means[view].to_number<double>()),
                      kStatistics);
  }
}

// Every row_step-th row and col_step-th column of all views.
void check_pixels(const Tiles& tiles, const json::object& expected, GoldenChecks& checks) {
  const int side = tiles.plan.tile, planes = 3 * tiles.plan.views();
  std::vector<float> found;
  for (int plane = 0; plane < planes; ++plane)
    for (int y = 0; y < side; y += integer(expected, "row_step"))
      for (int x = 0; x < side; x += integer(expected, "col_step"))
        found.push_back(
            tiles.pixels[(static_cast<std::size_t>(plane) * static_cast<std::size_t>(side) +
                          static_cast<std::size_t>(y)) *
                             static_cast<std::size_t>(side) +
                         static_cast<std::size_t>(x)]);
  checks.compare("image.pixels", found, checks.tensor(expected.at("sample").as_string()), 0);
}

}  // namespace

// num_crops is the golden data's short form: tiles of the long side; 0 is no splitting.
std::optional<KnobValues> smolvlm_golden_knobs(const json::object& c,
                                               std::span<const ImageKnob> knobs) {
  const int tile = knobs[0].low.value_or(0);
  if (const json::value* const processor = c.if_contains("processor"))
    if ((processor->as_string() == "2.2b") != (tile == 384)) return std::nullopt;
  const json::value* const count = c.if_contains("num_crops");
  if (count == nullptr) return KnobValues{};
  const int tiles = count->to_number<int>();
  if (tiles == 0) return KnobValues{{"do_image_splitting", 0}};
  return KnobValues{{"longest_edge", tiles * tile}};
}

void check_smolvlm_golden_image(const GoldenImage& picture, GoldenChecks& checks) {
  const json::object& expected = picture.expected;
  SmolVlmImageConfig config;
  config.tile = integer(picture.info, "crop_size");
  const auto plan = plan_tiles(picture.image.width, picture.image.height, config.tile,
                               integer(expected, "longest_edge"), expected.at("split").as_bool());
  if (!plan.ok()) {
    checks.equal("image.plan", false, plan.error().message);
    return;
  }
  checks.equal("image.plan", as_expected(*plan, expected), "other sizes");
  const Image resized = smolvlm_resized(picture.image, *plan);
  check_digest(resized, expected, "resized_sha256", "image.resized", checks);
  const Image canvas = smolvlm_canvas(resized, *plan);
  check_digest(canvas, expected, "canvas_sha256", "image.canvas", checks);
  const Image global = smolvlm_global(canvas, *plan);
  check_digest(global, expected, "global_sha256", "image.global", checks);
  const Tiles tiles = cut_tiles(canvas, global, *plan, config);
  check_statistics(tiles, expected, checks);
  if (expected.contains("sample")) check_pixels(tiles, expected, checks);
}

}  // namespace oc
