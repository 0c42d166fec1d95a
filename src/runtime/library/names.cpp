#include "runtime/library/names.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "base/places.h"
#include "io/files.h"
#include "runtime/library/hf_cache.h"
#include "runtime/library/known_models.h"
#include "runtime/library/plain_name.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDemoName = "ocellus-demo";

bool is_model(const fs::path& folder) { return is_file(folder / "config.json"); }

fs::path demo_place() {
  return path_from_environment("OCELLUS_DEMO_MODEL").value_or(embedded_folder());
}

// Sub-folders of a folder by name; none where it cannot be read.
std::vector<std::string> sub_folders(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (is_folder(it->path())) names.push_back(it->path().filename().string());
  return names;
}

Error not_found(const std::string& name, NameFrom from, const std::vector<fs::path>& looked) {
  const std::vector<std::string> names = available_models();
  const std::string there = names.empty() ? std::string("no model is installed")
                                          : fmt::format("installed: {}", fmt::join(names, ", "));
  if (from == NameFrom::kClient)
    return {ErrorCode::kNotFound, fmt::format("there is no model \"{}\"", name), there, "model"};
  const KnownModel* entry = find_known_model(name);
  const std::vector<std::string_view> like = names_like(name);
  std::string pull;
  if (entry != nullptr)
    pull = fmt::format("`ocellus pull {}` gets it; ", entry->name);
  else if (!like.empty())
    pull = fmt::format("`ocellus pull NAME` gets {}; ", fmt::join(like, ", "));
  std::vector<std::string> places;
  for (const fs::path& place : looked) places.push_back(place.string());
  return {ErrorCode::kNotFound,
          fmt::format("there is no model \"{}\"; looked in {}", name, fmt::join(places, ", ")),
          pull + there, "model"};
}

// A whole model of the Hugging Face cache; none where there is nothing of that name.
Result<std::optional<fs::path>> in_cache(std::string_view name, NameFrom from) {
  const std::vector<CachedModel> found = find_cached(name);
  if (found.empty()) return std::optional<fs::path>();
  if (found.size() > 1) return may_be_any_of(name, found);
  const CachedModel& model = found.front();
  if (model.problem.empty()) return std::optional(model.folder);
  if (from == NameFrom::kClient)
    return Error{ErrorCode::kNotFound, fmt::format("the model \"{}\" is not whole", name),
                 "its download is not finished", "model"};
  return Error{ErrorCode::kNotFound, fmt::format("{} is {}", model.name, model.problem),
               fmt::format("what began the download goes on with it (`hf download {0}`), or "
                           "`ocellus pull {0}` gets another copy",
                           model.name),
               "model"};
}

}  // namespace

bool is_demo_name(std::string_view name) { return name == "demo" || name == kDemoName; }

std::vector<std::string> available_models() {
  std::vector<std::string> names;
  if (const auto folder = models_folder()) {
    for (const std::string& name : sub_folders(*folder)) {
      if (is_model(*folder / name)) names.push_back(name);
      for (const std::string& inner : sub_folders(*folder / name))
        if (is_model(*folder / name / inner)) names.push_back(name + "/" + inner);
    }
  }
  std::erase_if(names, [](const std::string& name) { return !is_plain_name(name); });
  for (const CachedModel& model : cached_models())
    if (model.problem.empty()) names.push_back(model.name);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());  // ours comes first
  if (is_model(demo_place())) names.insert(names.begin(), std::string(kDemoName));
  return names;
}

Result<fs::path> resolve_model(const std::string& name, NameFrom from) {
  if (is_demo_name(name)) {
    if (is_model(demo_place())) return demo_place();
    return not_found(name, from, {demo_place()});
  }
  std::vector<fs::path> looked;
  if (from == NameFrom::kOperator && !name.empty()) {
    if (is_folder(name)) return fs::path(name);
    looked.push_back(name);
  } else if (!is_plain_name(name)) {
    return Error{ErrorCode::kInvalidArgument,
                 "a model name is one or two parts of letters, digits, '.', '_' and '-'",
                 "for example \"org/model\"", "model"};
  }
  const std::optional<fs::path> models = models_folder();
  if (models && is_plain_name(name)) {
    if (is_folder(*models / name)) return *models / name;
    // A known model's short name: pulled models lie below their full names.
    if (const KnownModel* entry = find_known_model(name);
        entry != nullptr && is_folder(*models / entry->repo))
      return *models / entry->repo;
    looked.push_back(*models / name);
  }
  if (is_plain_name(name)) {
    const KnownModel* entry = find_known_model(name);
    OC_ASSIGN_OR_RETURN(const auto cached, in_cache(entry != nullptr ? entry->repo : name, from));
    if (cached) return *cached;
    if (const auto cache = hf_cache()) looked.push_back(*cache);
  }
  return not_found(name, from, looked);
}

bool is_same_model(const std::string& a, const std::string& b) {
  const auto one = resolve_model(a), other = resolve_model(b);
  if (!one.ok() || !other.ok()) return false;
  std::error_code error;
  return *one == *other || fs::equivalent(*one, *other, error);
}

std::string model_name(const std::string& name_or_path, const fs::path& folder) {
  if (is_demo_name(name_or_path) || folder == embedded_folder()) return std::string(kDemoName);
  if (auto cached = cached_name(folder)) return *std::move(cached);
  const std::optional<fs::path> models = models_folder();
  if (models && is_plain_name(name_or_path) && folder == *models / name_or_path)
    return name_or_path;
  std::error_code error;
  fs::path whole = fs::weakly_canonical(folder, error);
  if (error) whole = folder;
  return whole.has_filename() ? whole.filename().string() : whole.parent_path().filename().string();
}

}  // namespace oc
