#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "io/json.h"
#include "models/phi3v/hd_transform.h"
#include "runtime/verify/expect.h"
#include "runtime/verify/verify.h"

namespace oc {
namespace {

namespace json = boost::json;

// Lossy decoders may differ a little; the golden README's tolerances.
constexpr double kLossyShare = 0.99;  // of the samples within kLossySample
constexpr int kLossySample = 2;
constexpr double kLossyMean = 0.5;
constexpr double kLossyCropMean = 0.01;
constexpr double kGlobalPixels = 2e-5;
constexpr double kStatistics = 2e-5;

struct View {
  const HdTiles& tiles;
  std::span<const float> pixels(int view) const {
    const auto size = 3 * static_cast<std::size_t>(tiles.crop_size * tiles.crop_size);
    return std::span(tiles.pixels).subspan(static_cast<std::size_t>(view) * size, size);
  }
};

void check_decoded(const json::object& entry, const Image& image, const Expectations& expect,
                   std::string_view at, VerifyReport& report) {
  const std::vector<double> size = numbers(entry.at("rgb_size"));
  report.equal("image.size", at, image.width == size[0] && image.height == size[1], "other size");
  if (!entry.at("lossy").as_bool()) {
    report.equal("image.rgb", at, sha256_hex(image.rgb) == entry.at("rgb_sha256").as_string(),
                 "other pixels");
    return;
  }
  const std::vector<double> expected_mean = numbers(entry.at("rgb_mean"));
  for (std::size_t channel = 0; channel < 3; ++channel) {
    double sum = 0;
    for (std::size_t i = channel; i < image.rgb.size(); i += 3) sum += image.rgb[i];
    const double mean = sum / (static_cast<double>(image.rgb.size()) / 3);
    report.difference("image.lossy_mean", at, std::abs(mean - expected_mean[channel]), kLossyMean);
  }
  const std::string name(entry.at("rgb_sample").as_string());
  const std::span<const std::uint8_t> sample = expect.bytes(name);
  const int step = entry.at("rgb_step").to_number<int>();
  std::size_t within = 0, count = 0;
  for (int y = 0; y < image.height; y += step)
    for (int x = 0; x < image.width; x += step)
      for (int channel = 0; channel < 3; ++channel, ++count) {
        const auto i = static_cast<std::size_t>((y * image.width + x) * 3 + channel);
        if (count < sample.size() && std::abs(image.rgb[i] - sample[count]) <= kLossySample)
          ++within;
      }
  report.difference("image.lossy_outside", at,
                    count == sample.size() && count > 0
                        ? 1.0 - static_cast<double>(within) / static_cast<double>(count)
                        : 1.0,
                    1.0 - kLossyShare);
}

void check_statistics(const json::object& c, const HdTiles& tiles, bool lossy, std::string_view at,
                      VerifyReport& report) {
  const std::vector<double> means = numbers(c.at("crop_mean"));
  report.equal("image.views", at, static_cast<int>(means.size()) == tiles.views(), "other number");
  for (int view = 0; view < std::min<int>(tiles.views(), static_cast<int>(means.size())); ++view) {
    double sum = 0;
    const std::span<const float> pixels = View{tiles}.pixels(view);
    for (const float value : pixels) sum += value;
    report.difference(
        lossy ? "image.lossy_crop_mean" : "image.crop_mean", at,
        std::abs(sum / static_cast<double>(pixels.size()) - means[static_cast<std::size_t>(view)]),
        lossy ? kLossyCropMean : kStatistics);
  }
}

void check_pixels(const json::object& c, const HdTiles& tiles, const Expectations& expect,
                  std::string_view at, VerifyReport& report) {
  const auto compare = [&](std::string_view name, int row_step, int col_step) {
    const std::vector<float> expected = expect.find(name);
    std::vector<float> global, crops;
    const int side = tiles.crop_size;
    for (int view = 0; view < tiles.views(); ++view)
      for (int channel = 0; channel < 3; ++channel)
        for (int y = 0; y < side; y += row_step)
          for (int x = 0; x < side; x += col_step)
            (view == 0 ? global : crops)
                .push_back(View{tiles}.pixels(
                    view)[static_cast<std::size_t>((channel * side + y) * side + x)]);
    if (expected.size() != global.size() + crops.size()) {
      report.equal("image.sample_size", at, false, "other number of values");
      return;
    }
    report.difference("image.global", at,
                      largest_difference(global, std::span(expected).first(global.size())),
                      kGlobalPixels);
    report.difference("image.crops", at,
                      largest_difference(crops, std::span(expected).subspan(global.size())), 0);
  };
  if (c.contains("sample"))
    compare(c.at("sample").as_string(), c.at("row_step").to_number<int>(),
            c.at("col_step").to_number<int>());
  if (c.contains("full")) compare(c.at("full").as_string(), 1, 1);
}

void check_case(const json::object& c, const Image& image, bool lossy, const Expectations& expect,
                std::string_view at, int crop_size, VerifyReport& report) {
  HdParams params;
  params.crop_size = crop_size;
  params.num_crops = c.at("num_crops").to_number<int>();
  const Result<HdTiles> tiles = hd_transform(image, params);
  if (c.contains("error")) {
    report.equal("image.refused", at, !tiles.ok(), "accepted, should be refused");
    return;
  }
  if (!tiles.ok()) {
    report.equal("image.plan", at, false, tiles.error().message);
    return;
  }
  const HdPlan& plan = tiles->plan;
  const std::vector<double> sizes = numbers(c.at("image_sizes")), crops = numbers(c.at("crops"));
  const std::vector<double> resize = numbers(c.at("resize")), pad = numbers(c.at("pad"));
  report.equal("image.plan", at,
               plan.canvas_height == sizes[0] && plan.canvas_width == sizes[1] &&
                   plan.crops_h == crops[0] && plan.crops_w == crops[1] &&
                   plan.resize_width == resize[0] && plan.resize_height == resize[1] &&
                   plan.pad_top == pad[0] && plan.pad_bottom == pad[1] &&
                   plan.transposed == c.at("transposed").as_bool(),
               "other sizes");
  check_statistics(c, *tiles, lossy, at, report);
  if (lossy) return;
  report.equal("image.canvas", at,
               sha256_hex(hd_canvas(image, plan, params).rgb) == c.at("canvas_sha256").as_string(),
               "other pixels");
  check_pixels(c, *tiles, expect, at, report);
}

Result<void> check_image(const std::filesystem::path& folder, const json::object& entry,
                         const Expectations& expect, int crop_size, VerifyReport& report) {
  const std::string name(entry.at("file").as_string());
  OC_ASSIGN_OR_RETURN(const std::string bytes, read_file(folder / name, 64u << 20));
  ImageLimits limits;
  limits.max_aspect = 1 << 20;  // the golden set has strips of one pixel on purpose
  const Result<Image> image = decode_image(std::as_bytes(std::span(bytes)), limits);
  if (!image.ok()) {
    report.equal("image.size", name, false, image.error().message);
    return {};
  }
  // An entry may offer a second set of expectations ("accept either"): take the one that was meant.
  const json::object* source = &entry;
  json::object merged;
  if (entry.contains("alt")) {
    const json::object& alt = entry.at("alt").as_object();
    if (alt.at("rgb_sha256").as_string() == sha256_hex(image->rgb)) {
      merged = entry;
      for (const auto& [key, value] : alt) merged[key] = value;
      source = &merged;
    }
  }
  const bool lossy = source->at("lossy").as_bool();
  check_decoded(*source, *image, expect, name, report);
  for (const json::value& c : source->at("cases").as_array())
    check_case(c.as_object(), *image, lossy, expect,
               fmt::format("{} n{}", name, c.at("num_crops").to_number<int>()), crop_size, report);
  return {};
}

}  // namespace

Result<bool> verify_image(const std::filesystem::path& goldens, const VerifyOptions& options,
                          VerifyReport& report) {
  const std::filesystem::path folder = goldens / "image";
  if (!std::filesystem::exists(folder / "cases.json")) return false;
  OC_ASSIGN_OR_RETURN(const json::value cases, read_cases(folder / "cases.json"));
  OC_ASSIGN_OR_RETURN(const Expectations expect, Expectations::open(folder / "expect.safetensors"));
  const std::string file = (folder / "cases.json").string();
  OC_RETURN_IF_ERROR(with_case(file, "all images", [&]() -> Result<void> {
    int crop_size = 336;
    if (const auto* side = cases.at("info").as_object().if_contains("crop_size"))
      crop_size = side->to_number<int>();
    for (const json::value& entry : cases.at("images").as_array()) {
      const std::string_view name = entry.at("file").as_string();
      if (options.progress) options.progress("image", name);
      OC_RETURN_IF_ERROR(with_case(file, name, [&] {
        return check_image(folder, entry.as_object(), expect, crop_size, report);
      }));
    }
    return {};
  }));
  return true;
}

}  // namespace oc
