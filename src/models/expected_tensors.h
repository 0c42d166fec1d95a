// What a checkpoint of an architecture must hold, named by config.json as in registry.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/shape.h"
#include "io/checkpoint.h"

namespace oc {

// A tensor that the architecture requires. A matrix may be stored quantised.
struct ExpectedTensor {
  std::string name;  // as the checkpoint has it; ".weight" is added to a matrix that is quantised
  Shape shape;       // as unquantised, in the layout of the published checkpoint
  bool matrix = false;
  bool read = true;     // false: it is there and nothing needs it
  bool vision = false;  // of what turns pictures into rows: tower and projector
  bool table = false;   // rows that are looked up and never quantised, under a name of its own
};

// What the names of a quantised matrix's tensors begin with, before ".weight", ".scales" and
// ".biases": its name, without ".weight" if it has that.
std::string matrix_prefix(std::string_view name);

// The shape of a convolution over three channels in MLX's layout, [out, p, p, 3] for [out, 3, p,
// p]; nullopt for anything else. With p = 3 the two look alike, and every reader takes it for the
// other one.
std::optional<Shape> mlx_layout(const Shape& shape);

// Every tensor that the architecture of `checkpoint` requires, there or not, as unquantised.
// kUnsupported: an architecture that ocellus does not run.
Result<std::vector<ExpectedTensor>> expected_tensors(const Checkpoint& checkpoint);

}  // namespace oc
