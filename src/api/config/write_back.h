// Changes that a running server was told, kept in the configuration file that it was started with.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace oc {

// Merges `changes` (a JSON object; inner objects member by member) into the file. Atomic: the file
// is the old or the new one, also after a crash; its mode stays. What nobody changed keeps its
// order, not its white space. Errors name the file.
Result<void> write_back(const std::filesystem::path& file, const std::string& changes);

}  // namespace oc
