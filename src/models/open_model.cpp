#include <fmt/format.h>

#include <algorithm>

#include "io/json.h"
#include "models/registry.h"

namespace oc {

std::vector<ImageKnob> image_knobs() {
  std::vector<ImageKnob> all;
  for (const Architecture& one : architectures())
    for (const ImageKnob& knob : one.knobs) {
      const auto same = std::ranges::find(all, knob.name, &ImageKnob::name);
      if (same == all.end()) {
        all.push_back(knob);
        continue;
      }
      same->min = std::min(same->min, knob.min);
      same->max = std::max(same->max, knob.max);
    }
  return all;
}

Result<const Architecture*> architecture_of(const boost::json::object& config) {
  OC_ASSIGN_OR_RETURN(const std::string type,
                      JsonReader(config, "config.json").string("model_type"));
  const auto all = architectures();
  const auto found = std::ranges::find_if(
      all, [&](const Architecture& one) { return one.type == type || one.other_type == type; });
  if (found != all.end()) return &*found;
  std::string known;
  for (const Architecture& one : all)
    known += fmt::format("{}{} ({})", known.empty() ? "" : ", ", one.type, one.title);
  return Error{ErrorCode::kUnsupported,
               fmt::format("config.json: model_type \"{}\" is not supported", type),
               "ocellus runs " + known};
}

Result<std::unique_ptr<const Model>> load_model(const std::filesystem::path& folder,
                                                std::shared_ptr<Engine> engine) {
  OC_ASSIGN_OR_RETURN(std::shared_ptr<const Checkpoint> checkpoint, Checkpoint::open(folder));
  OC_ASSIGN_OR_RETURN(const Architecture* const architecture,
                      architecture_of(checkpoint->config()));
  auto model = architecture->load(checkpoint, std::move(engine));
  OC_RETURN_IF_ERROR(checkpoint->intact());  // else some of it may have been made of zeros
  return model;
}

Result<std::unique_ptr<const Blueprint>> open_blueprint(const std::filesystem::path& folder) {
  OC_ASSIGN_OR_RETURN(const boost::json::object config, read_json_object(folder / "config.json"));
  OC_ASSIGN_OR_RETURN(const Architecture* const architecture, architecture_of(config));
  return architecture->open(folder);
}

}  // namespace oc
