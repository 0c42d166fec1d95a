// What tells one set of weights from another in cache keys and responses.
#pragma once

#include <string>

#include "io/checkpoint.h"

namespace oc {

// SHA-256 (hex) over config.json, every tensor's name, type and shape, the first bytes of every
// 16th tensor, and the files of the tokenizer, the preprocessor and the generation: cheap enough
// for each start (no full read), different for any retrained checkpoint and for any other
// tokenizer.
std::string checkpoint_fingerprint(const Checkpoint& checkpoint);

}  // namespace oc
