// SmolVLM2: SigLIP tower, pixel shuffle and Llama decoder, written once against ops/.
#pragma once

#include "models/registry.h"

namespace oc {

// Its row of the registry.
Architecture smolvlm_architecture();

}  // namespace oc
