// Moondream2: SigLIP tower over overlapping crops, a decoder of parallel blocks that sees the
// picture both ways, and a head that finds objects, written once against ops/.
#pragma once

#include "models/registry.h"

namespace oc {

// Its row of the registry.
Architecture moondream_architecture();

}  // namespace oc
