#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "io/json.h"
#include "models/registry.h"
#include "runtime/verify/expect.h"
#include "runtime/verify/verify.h"

namespace oc {
namespace {

namespace json = boost::json;

// Lossy decoders may differ a little; the golden README's tolerances.
constexpr double kLossyShare = 0.99;  // of the samples within kLossySample
constexpr int kLossySample = 2;
constexpr double kLossyMean = 0.5;

// What a family finds goes into the report, under the name of the case.
class Checks final : public GoldenChecks {
 public:
  Checks(std::string at, const Expectations& expect, VerifyReport& report)
      : at_(std::move(at)), expect_(expect), report_(report) {}
  void equal(std::string_view stage, bool good, std::string_view otherwise) override {
    report_.equal(stage, at_, good, otherwise);
  }
  void difference(std::string_view stage, double found, double limit) override {
    report_.difference(stage, at_, found, limit);
  }
  void compare(std::string_view stage, std::span<const float> found,
               std::span<const float> expected, double limit) override {
    report_.difference(stage, at_, largest_difference(found, expected), limit);
  }
  std::vector<float> tensor(std::string_view name) const override { return expect_.find(name); }

 private:
  std::string at_;
  const Expectations& expect_;
  VerifyReport& report_;
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

// "circle.png n4": with the values of the knobs that the case sets.
std::string name_of(std::string_view picture, const ImageOptions& options) {
  std::string name(picture);
  for (const auto& [_, value] : options.knobs) name += fmt::format(" n{}", value);
  return name;
}

const Architecture* family_of(const Model& model) {
  const auto found =
      std::ranges::find(architectures(), model.info().architecture, &Architecture::type);
  return found == architectures().end() ? nullptr : &*found;
}

// turn: the only case to look at, counted round and round; nullopt: all.
Result<void> check_image(const std::filesystem::path& folder, const json::object& info,
                         const json::object& entry, const Model& model, const Expectations& expect,
                         std::optional<std::size_t> turn, VerifyReport& report) {
  const std::string name(entry.at("file").as_string());
  OC_ASSIGN_OR_RETURN(const std::string bytes, read_file(folder / name, 64u << 20));
  ImageLimits limits;
  limits.max_aspect = 1 << 20;  // the golden set has strips of one pixel on purpose
  const Result<Image> image =
      decode_image(std::as_bytes(std::span(bytes)), limits, {}, ImageReading::as_reference());
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
  const Architecture* const family = family_of(model);
  if (family == nullptr || family->check_golden_image == nullptr) return {};
  const json::array& cases = source->at("cases").as_array();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (turn && i != *turn % cases.size()) continue;
    const json::value& c = cases[i];
    const std::optional<ImageOptions> shown = golden_options(c.as_object(), model);
    if (!shown) continue;
    Checks checks(name_of(name, *shown), expect, report);
    family->check_golden_image(
        {.info = info, .expected = c.as_object(), .image = *image, .lossy = lossy}, checks);
  }
  return {};
}

}  // namespace

std::optional<ImageOptions> golden_options(const json::object& c, const Model& model) {
  const std::vector<ImageKnob>& knobs = model.info().knobs;
  const Architecture* const family = family_of(model);
  ImageOptions options;
  if (family != nullptr && family->golden_knobs != nullptr) {
    std::optional<KnobValues> values = family->golden_knobs(c, knobs);
    if (!values) return std::nullopt;
    options.knobs = std::move(*values);
    return options;
  }
  for (const ImageKnob& knob : knobs)
    if (const json::value* const value = c.if_contains(knob.name))
      options.knobs.emplace(knob.name, value->to_number<int>());
  return options;
}

GoldenLimits golden_limits(const Model& model) {
  const Architecture* const family = family_of(model);
  return family != nullptr ? family->golden_limits : GoldenLimits();
}

Result<bool> verify_image(const std::filesystem::path& goldens, const Model& model,
                          const VerifyOptions& options, VerifyReport& report) {
  const std::filesystem::path folder = goldens / "image";
  if (!std::filesystem::exists(folder / "cases.json")) return false;
  OC_ASSIGN_OR_RETURN(const json::value cases, read_cases(folder / "cases.json"));
  OC_ASSIGN_OR_RETURN(const Expectations expect, Expectations::open(folder / "expect.safetensors"));
  const std::string file = (folder / "cases.json").string();
  OC_RETURN_IF_ERROR(with_case(file, "all images", [&]() -> Result<void> {
    std::optional<std::size_t> turn;
    if (options.one_case_a_picture) turn = 0;
    for (const json::value& entry : cases.at("images").as_array()) {
      const std::string_view name = entry.at("file").as_string();
      if (options.progress) options.progress("image", name);
      OC_RETURN_IF_ERROR(with_case(file, name, [&] {
        return check_image(folder, cases.at("info").as_object(), entry.as_object(), model, expect,
                           turn, report);
      }));
      if (turn) ++*turn;
    }
    return {};
  }));
  return true;
}

}  // namespace oc
