#include "models/footprint.h"

#include <fmt/format.h>

#include "io/json.h"
#include "models/phi3v/footprint.h"

namespace oc {

Result<ModelFootprint> measure_model(const std::filesystem::path& folder, const Engine& engine,
                                     const StepShape& step, std::optional<QuantSpec> quantize) {
  OC_ASSIGN_OR_RETURN(const std::shared_ptr<const Checkpoint> checkpoint, Checkpoint::open(folder));
  OC_ASSIGN_OR_RETURN(const std::string type,
                      JsonReader(checkpoint->config(), "config.json").string("model_type"));
  if (type == "phi3_v") return measure_phi3v(*checkpoint, engine, step, quantize);
  return Error{ErrorCode::kUnsupported,
               fmt::format("config.json: model_type \"{}\" is not supported", type),
               "ocellus runs phi3_v (Phi-3.5-Vision)"};
}

}  // namespace oc
