// What a model takes of the memory, asked before it is loaded.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

#include "base/result.h"

namespace oc {

// Bytes of all *.safetensors files of a model's folder: they are mapped, and all are read for each
// token.
std::size_t weights_on_disk(const std::filesystem::path& folder);

// kUnavailable, with the numbers, where the weights of all models would be more than the operator's
// `limit` (--model-memory): those that do not fit are read from the disk again for each token,
// which takes minutes. All bytes; a limit of 0 is none.
Result<void> check_weights(std::size_t needed, std::size_t loaded, std::size_t limit);

}  // namespace oc
