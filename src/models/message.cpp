#include "models/message.h"

namespace oc {

std::optional<Role> role_from_string(std::string_view name) {
  if (name == "system") return Role::kSystem;
  if (name == "user") return Role::kUser;
  if (name == "assistant") return Role::kAssistant;
  return std::nullopt;
}

}  // namespace oc
