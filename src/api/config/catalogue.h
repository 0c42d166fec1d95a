// The configurations that come with the program: one file a model, found by name.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace oc {

// Their names, sorted: "demo", "phi3_vision", … They lie in $OCELLUS_CONFIGS, or in
// share/ocellus/configs/models beside the program's folder, or in configs/models of the source tree
// around a build folder.
std::vector<std::string> configuration_names();

// A file, or a name of the catalogue. kNotFound says which names there are.
Result<std::filesystem::path> find_configuration(const std::string& file_or_name);
// Whether that would be a file that comes with the program: named, not given as a path, and not
// from $OCELLUS_CONFIGS, where somebody keeps their own.
bool comes_with_the_program(const std::string& file_or_name);

}  // namespace oc
