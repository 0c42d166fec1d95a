// Files that are written and checked as a whole.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/digest.h"

namespace oc {

// A new file in the place of an old one, if there is one (io/file_replacement.h).
Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view text);
// Adds what is left of an open file, telling the bytes of each piece; where that says false it
// stops with ECANCELED. → errno; 0: all is read.
int add_file(Digest& digest, int fd, const std::function<bool(std::size_t)>& on_bytes);
// SHA-256 of a file, hex. Reads all of it.
Result<std::string> file_sha256(const std::filesystem::path& path);

}  // namespace oc
