// What a checkpoint of an architecture must hold, named by config.json as in registry.h.
#pragma once

#include <vector>

#include "io/checkpoint.h"
#include "models/phi3v/weights.h"

namespace oc {

// Every tensor that the architecture of `checkpoint` requires, there or not, as unquantised.
// kUnsupported: an architecture that ocellus does not run.
Result<std::vector<ExpectedTensor>> expected_tensors(const Checkpoint& checkpoint);

}  // namespace oc
