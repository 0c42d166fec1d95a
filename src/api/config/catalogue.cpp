#include "api/config/catalogue.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <utility>

#include "base/environment.h"
#include "base/places.h"
#include "runtime/library/plain_name.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExtension = ".json";

std::optional<fs::path> folder() {
  std::error_code error;
  for (fs::path& place : shared_places("OCELLUS_CONFIGS", "configs/models"))
    if (fs::is_directory(place, error)) return std::move(place);
  return std::nullopt;
}

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

}  // namespace

std::vector<std::string> configuration_names() {
  std::vector<std::string> names;
  const auto place = folder();
  if (!place) return names;
  std::error_code error;
  for (fs::directory_iterator it(*place, error), end; !error && it != end; it.increment(error))
    if (const std::string name = it->path().stem().string();
        it->path().extension() == kExtension && is_plain_name(name) && is_file(it->path()))
      names.push_back(name);
  std::ranges::sort(names);
  return names;
}

Result<fs::path> find_configuration(const std::string& file_or_name) {
  if (is_file(file_or_name)) return fs::path(file_or_name);
  std::error_code error;
  if (const auto status = fs::status(file_or_name, error); fs::is_fifo(status))
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("{} is a pipe: a configuration is read more than once", file_or_name),
                 "write it to a file and name that"};
  const std::vector<std::string> names = configuration_names();
  if (std::ranges::find(names, file_or_name) != names.end())
    return *folder() / (file_or_name + std::string(kExtension));
  std::string hint = "give the path of a file";
  if (!names.empty())
    hint += fmt::format(", or one of {}", fmt::join(names, ", "));
  else if (!folder())
    hint += "; the catalogue's files are not beside this program (OCELLUS_CONFIGS)";
  return Error{ErrorCode::kNotFound, fmt::format("there is no configuration \"{}\"", file_or_name),
               std::move(hint)};
}

bool comes_with_the_program(const std::string& file_or_name) {
  if (environment("OCELLUS_CONFIGS")) return false;
  return !is_file(file_or_name) && find_configuration(file_or_name).ok();
}

}  // namespace oc
