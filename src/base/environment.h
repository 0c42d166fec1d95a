// Variables of the process's environment.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

namespace oc {

// None where it is not set, or empty.
inline std::optional<std::string> environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0' ? std::optional<std::string>(value) : std::nullopt;
}

}  // namespace oc
