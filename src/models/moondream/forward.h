// The decoder of Moondream2 over one step: blocks whose attention and MLP read the same LayerNorm,
// side by side.
#pragma once

#include <memory>
#include <span>

#include "models/blocks/decoder_pass.h"
#include "models/moondream/weights.h"

namespace oc {

// As DecoderPass.
std::unique_ptr<ForwardPass> begin_moondream_forward(Engine& engine, const DecoderHeads& heads,
                                                     const MoondreamWeights& weights,
                                                     const AppendAngles& append_angles,
                                                     std::span<const StepInput> inputs,
                                                     const Tap* tap);

}  // namespace oc
