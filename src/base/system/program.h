// This program's own file.
#pragma once

#include <filesystem>

namespace oc {

std::filesystem::path program_file();  // symbolic links followed; empty: the system does not say

// To start it once more: on Linux the very file that runs, even if another one has its name by now.
std::filesystem::path running_program();

}  // namespace oc
