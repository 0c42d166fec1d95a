// Phi-3.5-Vision: CLIP tower, HD merge, projector and Phi-3 decoder, written
// once against ops/.
#pragma once

#include "models/registry.h"

namespace oc {

// Its row of the registry.
Architecture phi3v_architecture();

}  // namespace oc
