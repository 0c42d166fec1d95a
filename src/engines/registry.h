// Engines by name.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ops/engine.h"

namespace oc {

// "auto" is mlx where it has a GPU and can do what the options ask for, else cpu. kInvalidArgument
// names the unknown engine, device, isa or option and what is allowed; kUnsupported an engine that
// this build lacks; kUnavailable a device that is not here.
Result<std::shared_ptr<Engine>> make_engine(const EngineOptions& options);

// For the cpu engine: the instruction set that is next below the one that `options` mean, or above
// it where there is none below; none where this machine has one only. A name for
// EngineOptions::isa.
std::optional<std::string> other_instruction_set(const EngineOptions& options);

bool has_mlx_engine();  // this build has the engine mlx

}  // namespace oc
