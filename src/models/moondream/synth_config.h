// A synthetic Moondream2 checkpoint without its weights (models/synth.h).
#pragma once

#include <array>
#include <string_view>

#include "models/registry.h"

namespace oc {

// The published sizes, and a small one.
inline constexpr std::array<std::string_view, 2> kMoondreamShapes = {"moondream2",
                                                                     "moondream2-tiny"};

SynthCheckpoint synth_moondream(std::string_view shape, int bits);

}  // namespace oc
