// Moondream's own wire form, which its clients for Python and Node speak: a path for each thing
// that is asked about a picture.
#pragma once

#include "api/dialect.h"
#include "api/moondream/fields.h"

namespace oc {

const Dialect& moondream_dialect(MoondreamRoute route);

}  // namespace oc
