// How a long prompt is computed.
#pragma once

#include <cstdint>

namespace oc {

// Tokens of a prompt in one step, wherever one is computed: short enough to notice a cancelled
// request in time; certificates and benchmarks hold for what serving does.
inline constexpr std::int64_t kPrefillChunk = 512;

}  // namespace oc
