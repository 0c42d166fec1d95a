// Variables of the process's environment.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace oc {

// None where it is not set, or empty.
std::optional<std::string> environment(const char* variable);
std::vector<std::string> environment_variables();  // all: "NAME=value"

}  // namespace oc
