// What the system says about memory, asked before a model is loaded.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "base/system.h"

namespace oc {

// What this process may use: the machine's memory or, where that is less, the least limit of its
// control group and those around it. Bytes; 0: the system does not say.
std::size_t memory_of_machine();
// The least memory limit of the control groups in `groups` (the text of /proc/self/cgroup) below
// `root` (/sys/fs/cgroup), versions 1 and 2. Bytes; 0: none.
std::size_t cgroup_limit(std::string_view groups, const std::filesystem::path& root);

// Bytes of all *.safetensors files of a model's folder: they are mapped, and all are read for each
// token.
std::size_t weights_on_disk(const std::filesystem::path& folder);

// kUnavailable, with the numbers, where the weights of all models would be more than the operator's
// `limit` (--model-memory): those that do not fit are read from the disk again for each token,
// which takes minutes. All bytes; a limit of 0 is none.
Result<void> check_weights(std::size_t needed, std::size_t loaded, std::size_t limit);

}  // namespace oc
