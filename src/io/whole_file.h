// Files that are written and checked as a whole.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace oc {

// Writes text through a temporary name and rename, synced: all of it is there, or the old file.
Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view text);
// SHA-256 of a file, hex. Reads all of it.
Result<std::string> file_sha256(const std::filesystem::path& path);

}  // namespace oc
