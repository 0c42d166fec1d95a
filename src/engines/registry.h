// Engines by name.
#pragma once

#include <memory>

#include "ops/engine.h"

namespace oc {

// "auto" is mlx where it has a GPU and can do what the options ask for, else cpu. kInvalidArgument
// names the unknown engine, device, isa or option and what is allowed; kUnsupported an engine that
// this build lacks; kUnavailable a device that is not here.
Result<std::shared_ptr<Engine>> make_engine(const EngineOptions& options);

bool has_mlx_engine();  // this build has the engine mlx

}  // namespace oc
