// What a request is told that would hold more than the others leave of what all may hold together
// (memory_budget.h).
#pragma once

#include <string_view>

#include "base/error.h"

namespace oc {

// `of`: what it is that has no room.
Error memory_full(std::string_view of = "request bytes");

}  // namespace oc
