// Engines by name.
#pragma once

#include <memory>

#include "ops/engine.h"

namespace oc {

// "auto" is "cpu". kInvalidArgument names the unknown engine, isa or option and what is allowed.
Result<std::shared_ptr<Engine>> make_engine(const EngineOptions& options);

}  // namespace oc
