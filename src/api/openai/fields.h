// Which fields a chat request may have: those that we act on, those that cannot change an answer
// (accepted, and listed in its warning), and those that would (refused by name, unless their value
// asks for nothing). Only for .cpp files: it pulls in Boost.JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/json_fields.h"
#include "api/no_effect.h"

namespace oc {

// The fields at the top of the body. kUnsupported for one that is not known or would change the
// answer, kInvalidArgument for a value of the wrong type.
Result<void> check_fields(const JsonFields& request, std::vector<std::string>& without_effect);

}  // namespace oc
