// What tells one set of weights from another in cache keys and responses.
#pragma once

#include <string>

#include "io/checkpoint.h"

namespace oc {

// SHA-256 (hex) over config.json, every tensor's name, type and shape, and the first bytes of every
// 16th tensor: cheap enough for each start (no full read), different for any retrained checkpoint.
std::string checkpoint_fingerprint(const Checkpoint& checkpoint);

}  // namespace oc
