#include "models/image_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace oc {
namespace {

namespace json = boost::json;

const ImageKnob* find_knob(std::span<const ImageKnob> knobs, std::string_view name) {
  const auto found = std::ranges::find(knobs, name, &ImageKnob::name);
  return found != knobs.end() ? &*found : nullptr;
}

Error unknown_knob(std::span<const ImageKnob> knobs, const std::string& name) {
  std::vector<std::string> known;
  for (const ImageKnob& knob : knobs)
    known.push_back(fmt::format("{} ({} to {})", knob.name, knob.min, knob.max));
  return {ErrorCode::kUnsupported, fmt::format("unknown parameter \"{}\"", name),
          known.empty() ? "this model has nothing to set for a picture"
                        : fmt::format("for a picture this model has {}", fmt::join(known, ", ")),
          name};
}

std::string counted(int count, std::string_view unit) {
  return fmt::format("{} {}{}", count, unit, count == 1 ? "" : "s");
}

json::object with_sizes(const ImagePlan& plan, const json::object& sizes) {
  json::object out{{"width", plan.width}, {"height", plan.height}};
  for (const auto& [key, value] : sizes) out[key] = value;
  out["tokens"] = plan.tokens;
  return out;
}

}  // namespace

KnobValues detail_values(std::span<const ImageKnob> knobs, ImageDetail detail) {
  KnobValues values;
  if (detail == ImageDetail::kAuto) return values;
  for (const ImageKnob& knob : knobs)
    if (const auto& value = detail == ImageDetail::kLow ? knob.low : knob.high)
      values.emplace(knob.name, *value);
  return values;
}

Result<KnobValues> knob_values(std::span<const ImageKnob> knobs, const ImageOptions& options) {
  KnobValues values = options.knobs;  // each map fills in what those before it leave open
  values.merge(detail_values(knobs, options.detail));
  values.merge(KnobValues(options.request_knobs));
  for (const auto& [name, value] : values) {
    const ImageKnob* const knob = find_knob(knobs, name);
    if (knob == nullptr) return unknown_knob(knobs, name);
    if (value < knob->min || value > knob->max)
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("{} is {}, it must be {} to {}", name, value, knob->min, knob->max),
                   "", name};
  }
  for (const ImageKnob& knob : knobs) values.emplace(knob.name, knob.fallback);
  return values;
}

std::string knob_units(std::span<const ImageKnob> knobs) {
  std::vector<std::string> units;
  for (const ImageKnob& knob : knobs)
    if (!knob.unit.empty()) units.push_back(fmt::format("{}s", knob.unit));
  return fmt::format("{}", fmt::join(units, " or "));
}

std::string smaller_knobs(std::span<const ImageKnob> knobs) {
  std::vector<std::string> all;
  for (const ImageKnob& knob : knobs)
    all.push_back(fmt::format("a smaller {} ({} is the least)", knob.name, knob.min));
  return fmt::format("{}", fmt::join(all, ", "));
}

std::string counted_knobs(std::span<const ImageKnob> knobs, const KnobValues& values) {
  std::vector<std::string> all;
  for (const ImageKnob& knob : knobs)
    if (const auto found = values.find(knob.name); found != values.end() && !knob.unit.empty())
      all.push_back(counted(found->second, knob.unit));
  return fmt::format("{}", fmt::join(all, " and "));
}

json::object plan_json(const ImagePlan& plan) { return with_sizes(plan, plan.description.sizes); }

json::object plan_json_of_answer(const ImagePlan& plan) {
  return with_sizes(plan, plan.description.answer);
}

}  // namespace oc
