// The oracle: plain float32 loops, one thread, obviously right. Every weight is widened to float32
// at load, so it is for tests and small checkpoints.
#pragma once

#include <memory>

#include "ops/engine.h"

namespace oc {

std::shared_ptr<Engine> make_reference_engine();

}  // namespace oc
