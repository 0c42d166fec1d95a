// The Phi-3 decoder over one step, layer by layer.
#pragma once

#include <memory>
#include <span>

#include "models/model.h"
#include "models/phi3v/config.h"
#include "models/phi3v/su_rope.h"
#include "models/phi3v/weights.h"

namespace oc {

// As Model::begin_forward(); all that it is given outlives it, but the span itself.
std::unique_ptr<ForwardPass> begin_phi3v_forward(Engine& engine, const Phi3VConfig& config,
                                                 const Phi3VWeights& weights, const SuRope& rope,
                                                 std::span<const StepInput> inputs, const Tap* tap);

}  // namespace oc
