// This program's own file.
#pragma once

#include <filesystem>

namespace oc {

std::filesystem::path program_file();  // symbolic links followed; empty: the system does not say

}  // namespace oc
