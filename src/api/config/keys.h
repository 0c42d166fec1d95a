// The two halves of the schema; private to this folder.
#pragma once

#include <span>

#include "api/config/schema.h"

namespace oc {

std::span<const Key> honoured_keys();
// Keys of the original system that there is nothing to do for here, each with the reason.
std::span<const Key> keys_without_effect();

}  // namespace oc
