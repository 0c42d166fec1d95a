// What a person types, and files that are named on the command line.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace oc {

// Without a letter that is seen.
bool is_blank(std::string_view text);

// Whether something waits on standard input, an end included.
bool stdin_has_input();

// A file, or a pipe, as <(command) makes one, or a device. Errors: kNotFound, kTooLarge (over
// max_bytes) name the path.
Result<std::string> read_file_or_pipe(const std::filesystem::path& path, std::size_t max_bytes);

}  // namespace oc
