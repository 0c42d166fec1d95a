#include "models/phi3v/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/check.h"

namespace oc {
namespace {

constexpr std::string_view kLayout = "phi3v/1 num_crops=";  // of ImagePlan::family

std::string family_part(int num_crops, const HdPlan& hd) {
  return fmt::format("{}{} crops={}x{} transposed={:d}", kLayout, num_crops, hd.crops_w, hd.crops_h,
                     hd.transposed);
}

int num_crops_of(const ImagePlan& plan) {
  int num_crops = 0;
  const bool ours = plan.family.starts_with(kLayout);
  if (ours)
    std::from_chars(plan.family.data() + kLayout.size(), plan.family.data() + plan.family.size(),
                    num_crops);
  OC_CHECK(num_crops > 0, "a picture's plan of another family: {}", plan.family);
  return num_crops;
}

ImageDescription describe(int num_crops, const HdPlan& hd) {
  const int width = hd.transposed ? hd.resize_height : hd.resize_width;
  const int height = hd.transposed ? hd.resize_width : hd.resize_height;
  return {
      .lines = {{"resized to", fmt::format("{} x {}{}", width, height,
                                           hd.transposed ? ", transposed meanwhile" : "")},
                {"canvas",
                 fmt::format("{} x {}, the rest white", hd.canvas_width, hd.canvas_height)},
                {"crops", fmt::format("{} wide x {} high, and a global view (at most {} asked for)",
                                      hd.crops_w, hd.crops_h, num_crops)}},
      .sizes = {{"effective_width", width},
                {"effective_height", height},
                {"canvas_width", hd.canvas_width},
                {"canvas_height", hd.canvas_height},
                {"num_crops", num_crops},
                {"crops_w", hd.crops_w},
                {"crops_h", hd.crops_h},
                {"transposed", hd.transposed}},
      .answer = {{"num_crops", num_crops},
                 {"crops", {hd.crops_w, hd.crops_h}},
                 {"effective_size", {width, height}}}};
}

}  // namespace

std::vector<ImageKnob> phi3v_knobs(const Phi3VConfig& config) {
  std::vector<ImageKnob> knobs(kPhi3VKnobs.begin(), kPhi3VKnobs.end());
  knobs[0].fallback = config.hd.num_crops;
  return knobs;
}

Result<ImagePlan> plan_phi3v_image(const Phi3VConfig& config, int width, int height,
                                   const ImageOptions& options) {
  OC_ASSIGN_OR_RETURN(const KnobValues knobs, knob_values(phi3v_knobs(config), options));
  HdParams params = config.hd;
  params.num_crops = knobs.begin()->second;  // the only one
  OC_ASSIGN_OR_RETURN(const HdPlan hd, plan_hd(width, height, params));
  ImagePlan plan;
  plan.width = width;
  plan.height = height;
  const int g = config.merged();
  plan.tokens = (hd.crops_h * hd.crops_w + 1) * g * g + 1 + (hd.crops_h + 1) * g;
  plan.views = 1 + hd.crops_h * hd.crops_w;
  const auto side = static_cast<std::size_t>(params.crop_size);
  plan.bytes = static_cast<std::size_t>(plan.views) * 3 * side * side * sizeof(float);
  plan.description = describe(params.num_crops, hd);
  plan.family = family_part(params.num_crops, hd);
  return plan;
}

// One crop that fills its canvas equals its global view and is computed once, so two runs do not
// occur.
SampleImage sample_phi3v_image(const Phi3VConfig& config, int tower_runs) {
  const int crops = std::clamp(tower_runs - 1, 1, kMaxCrops);
  int high = static_cast<int>(std::sqrt(static_cast<double>(crops)));
  while (crops % high != 0) --high;
  const int side = config.hd.crop_size;
  SampleImage sample{.width = crops / high * side, .height = high * side};
  sample.options.knobs = {{std::string(kPhi3VKnobs[0].name), crops}};
  HdParams params = config.hd;
  params.num_crops = crops;
  const auto hd = plan_hd(sample.width, sample.height, params);
  OC_CHECK(hd.ok(), "a picture of {} crops cannot be planned", crops);
  const int cut = hd->crops_w * hd->crops_h;
  sample.tower_runs = cut == 1 ? 1 : cut + 1;
  return sample;
}

HdParams phi3v_hd_params(const Phi3VConfig& config, const ImagePlan& plan) {
  HdParams params = config.hd;
  params.num_crops = num_crops_of(plan);
  return params;
}

}  // namespace oc
