#include "models/footprint.h"

#include "models/registry.h"

namespace oc {

Result<ModelFootprint> measure_model(const std::filesystem::path& folder, const Engine& engine,
                                     const StepShape& step, std::optional<QuantSpec> quantize) {
  OC_ASSIGN_OR_RETURN(const std::shared_ptr<const Checkpoint> checkpoint, Checkpoint::open(folder));
  OC_ASSIGN_OR_RETURN(const Architecture* const architecture,
                      architecture_of(checkpoint->config()));
  return architecture->measure(*checkpoint, engine, step, quantize);
}

}  // namespace oc
