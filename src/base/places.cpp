#include "base/places.h"

#include "base/environment.h"
#include "base/system/program.h"

namespace oc {

namespace fs = std::filesystem;

std::optional<fs::path> path_from_environment(const char* variable) {
  if (auto value = environment(variable)) return fs::path(*std::move(value));
  return std::nullopt;
}

std::optional<fs::path> home_folder() {
  if (auto home = path_from_environment("OCELLUS_HOME")) return home;
  if (auto data = path_from_environment("XDG_DATA_HOME")) return *data / "ocellus";
  if (auto user = path_from_environment("HOME")) return *user / ".local/share/ocellus";
  return std::nullopt;
}

std::optional<fs::path> models_folder() {
  if (auto home = home_folder()) return *home / "models";
  return std::nullopt;
}

std::vector<fs::path> shared_places(const char* variable, std::string_view below,
                                    std::string_view in_source) {
  if (auto place = path_from_environment(variable)) return {*place};
  const fs::path program = program_file();
  if (program.empty()) return {};
  const fs::path folder = program.parent_path();
  return {(folder / "../share/ocellus" / below).lexically_normal(),
          (folder / "../.." / (in_source.empty() ? below : in_source)).lexically_normal()};
}

}  // namespace oc
