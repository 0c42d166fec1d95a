#include "image_flags.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "models/registry.h"

namespace oc {

std::string image_knob_flag(const ImageKnob& knob) {
  std::string flag = fmt::format("--{}", knob.name);
  std::ranges::replace(flag, '_', '-');
  return flag;
}

void add_image_flags(CLI::App& verb, ImageOptions& options, bool detail, const std::string& group) {
  const std::vector<ImageKnob> knobs = image_knobs();
  std::vector<CLI::Option*> flags;
  for (const ImageKnob& knob : knobs)
    flags.push_back(verb.add_option_function<int>(
        image_knob_flag(knob),
        [&options, name = std::string(knob.name)](int value) { options.knobs[name] = value; },
        fmt::format("{}, {} to {} (default: the model's)", knob.meaning, knob.min, knob.max)));
  const auto in_group = [&](CLI::Option* flag) {
    if (!group.empty()) flag->group(group);
  };
  for (CLI::Option* const flag : flags) in_group(flag);
  if (!detail) return;
  static const std::map<std::string, ImageDetail> kDetailNames = {
      {"auto", ImageDetail::kAuto}, {"high", ImageDetail::kHigh}, {"low", ImageDetail::kLow}};
  const auto sets = [&](ImageDetail value) {  // "num_crops 1, longest_edge 512": by who has it
    std::vector<std::string> all;
    const KnobValues values = detail_values(knobs, value);
    for (const ImageKnob& knob : knobs)
      if (const auto found = values.find(knob.name); found != values.end() && !knob.unit.empty())
        all.push_back(fmt::format("{} {}", image_knob_flag(knob), found->second));
    return fmt::format("{}", fmt::join(all, ", "));
  };
  CLI::Option* const option = verb.add_option_function<std::string>(
      "--detail", [&options](const std::string& name) { options.detail = kDetailNames.at(name); },
      fmt::format("How much of a picture is shown; low: as with {}, high: as with {}, by which of "
                  "these the model has; auto: the model's default",
                  sets(ImageDetail::kLow), sets(ImageDetail::kHigh)));
  option->check(CLI::IsMember({"low", "auto", "high"}));
  in_group(option);
  for (CLI::Option* const flag : flags) option->excludes(flag);
}

}  // namespace oc
