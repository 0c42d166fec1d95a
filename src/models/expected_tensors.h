// What a checkpoint of an architecture must hold, named by config.json as in registry.h.
#pragma once

#include <string>
#include <vector>

#include "base/shape.h"
#include "io/checkpoint.h"

namespace oc {

// A tensor that the architecture requires. A matrix may be stored quantised.
struct ExpectedTensor {
  std::string name;  // for a matrix: with ".weight"
  Shape shape;       // as unquantised, in the layout of the published checkpoint
  bool matrix = false;
  bool read = true;  // false: it is there and nothing needs it
};

// Every tensor that the architecture of `checkpoint` requires, there or not, as unquantised.
// kUnsupported: an architecture that ocellus does not run.
Result<std::vector<ExpectedTensor>> expected_tensors(const Checkpoint& checkpoint);

}  // namespace oc
