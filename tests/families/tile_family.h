// A second family, for tests alone: unlike Phi-3.5-Vision in all that a family may decide of
// pictures. A strip of square tiles along the longer side, at most max_tiles, no global view; a
// CLIP tower without a class token; a row for each patch and one at the end: 4 a tile and 1.
// Positions are counted in one way however long the sequence is.
#pragma once

#include "models/registry.h"

namespace oc::test {

Architecture tile_architecture();

// The tile of a picture's strip that pixels fall into, for who looks at pictures: planned tiles.
int tiles_of(const ImagePlan& plan);

}  // namespace oc::test
