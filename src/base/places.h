// Where things lie that belong to the user or to the program.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace oc {

// A variable's path; none where it is empty or not set.
std::optional<std::filesystem::path> path_from_environment(const char* variable);
// What the program keeps for its user: $OCELLUS_HOME, or $XDG_DATA_HOME/ocellus, or
// ~/.local/share/ocellus; none where no variable names a home.
std::optional<std::filesystem::path> home_folder();
std::optional<std::filesystem::path> models_folder();  // below it
// Where something that comes with the program may lie: the variable's folder alone if it is set,
// else share/ocellus/BELOW beside the program's folder and IN_SOURCE (empty: BELOW) in the source
// tree around a build folder.
std::vector<std::filesystem::path> shared_places(const char* variable, std::string_view below,
                                                 std::string_view in_source = {});

}  // namespace oc
