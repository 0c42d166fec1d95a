// The first answer of a model, before the first client's.
#pragma once

#include "runtime/serving/service.h"

namespace oc {

// One short answer with a picture: threads, buffers. Only where that is quick: what makes a large
// model's first answer slow are the pages of its weights, and load() has seen to those. Not from a
// callback of the service.
Result<void> warm_up(Service& service);

}  // namespace oc
