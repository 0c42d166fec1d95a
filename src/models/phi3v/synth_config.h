// A synthetic checkpoint without its weights (models/synth.h).
#pragma once

#include <array>
#include <string_view>

#include "models/registry.h"

namespace oc {

// The published sizes, and small ones.
inline constexpr std::array<std::string_view, 2> kPhi3VShapes = {"phi-3.5-vision", "tiny"};

// `shape` is one of them; bits 0 for unquantised. The tokenizer has byte tokens, ASCII characters,
// filler words, no merges, and the real special tokens.
SynthCheckpoint synth_phi3v(std::string_view shape, int bits);

}  // namespace oc
