// A synthetic SmolVLM2 checkpoint without its weights (models/synth.h).
#pragma once

#include <array>
#include <string_view>

#include "models/registry.h"

namespace oc {

// The published sizes, and a small one.
inline constexpr std::array<std::string_view, 4> kSmolVlmShapes = {
    "smolvlm2-500m", "smolvlm2-256m", "smolvlm2-2.2b", "smolvlm2-tiny"};

SynthCheckpoint synth_smolvlm(std::string_view shape, int bits);

}  // namespace oc
