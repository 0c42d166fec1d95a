// The memory of a Phi-3.5-Vision checkpoint, from its shapes.
#pragma once

#include "models/footprint.h"

namespace oc {

Result<ModelFootprint> measure_phi3v(const Checkpoint& checkpoint, const Engine& engine,
                                     const StepShape& step, std::optional<QuantSpec> quantize);

}  // namespace oc
