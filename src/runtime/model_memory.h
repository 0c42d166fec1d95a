// How much memory models take and how much there is for them, asked before one is loaded.
#pragma once

#include <cstddef>
#include <filesystem>

#include "base/result.h"

namespace oc {

// What this process may use: the machine's memory or, where that is less, its control group's
// limit. Bytes; 0: the system does not say.
std::size_t memory_of_machine();
// What could be had now without swapping, the page cache included. Bytes; 0: unknown.
std::size_t memory_available();

// Bytes of all *.safetensors files of a model's folder: they are mapped, and all are read for each
// token.
std::size_t weights_on_disk(const std::filesystem::path& folder);

// Everything in bytes; 0 of limit, machine and available: unknown or none set.
struct MemoryQuestion {
  std::size_t needed = 0;     // by the model that is to be loaded
  std::size_t loaded = 0;     // by those that are
  std::size_t limit = 0;      // what the operator sets for all of them
  std::size_t machine = 0;    // memory_of_machine()
  std::size_t available = 0;  // memory_available()
};
// kUnavailable, with the numbers: weights that do not fit are read from the disk again for each
// token, which takes minutes. Without an operator's limit a tenth of the machine is left to others.
Result<void> check_memory(const MemoryQuestion& question);

}  // namespace oc
