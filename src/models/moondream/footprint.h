// The memory of a Moondream2 checkpoint, from its shapes.
#pragma once

#include "models/footprint.h"

namespace oc {

Result<ModelFootprint> measure_moondream(const Checkpoint& checkpoint, const Engine& engine,
                                         const StepShape& step, std::optional<QuantSpec> quantize);

}  // namespace oc
