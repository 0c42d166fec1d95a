// Activation taps: a named look at intermediate values, for parity tests and `verify`.
#pragma once

#include <functional>
#include <string_view>

#include "ops/tensor.h"

namespace oc {

// Called with names such as "vision.layer3", "decoder.layer0", "image.embeds", "decoder.norm".
// Reading a tensor in a tap synchronises; without a tap nothing is computed or read for it.
using Tap = std::function<void(std::string_view name, const Tensor& value)>;

}  // namespace oc
