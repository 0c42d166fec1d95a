#include "runtime/loader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "base/clock.h"
#include "base/log.h"
#include "base/system.h"
#include "engines/cpu/thread_pool.h"
#include "engines/registry.h"
#include "io/files.h"
#include "models/registry.h"
#include "runtime/hub/hf_cache.h"
#include "runtime/hub/names.h"
#include "runtime/quantize/on_load.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kDemoName = "ocellus-demo";

std::optional<fs::path> from_environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0' ? std::optional<fs::path>(value) : std::nullopt;
}

bool is_model(const fs::path& folder) { return is_file(folder / "config.json"); }

}  // namespace

bool is_demo_name(std::string_view name) { return name == "demo" || name == kDemoName; }

std::optional<fs::path> models_folder() {
  if (auto home = from_environment("OCELLUS_HOME")) return *home / "models";
  if (auto data = from_environment("XDG_DATA_HOME")) return *data / "ocellus" / "models";
  if (auto user = from_environment("HOME")) return *user / ".local/share/ocellus/models";
  return std::nullopt;
}

std::vector<fs::path> shared_places(const char* variable, std::string_view below) {
  if (auto place = from_environment(variable)) return {*place};
  const fs::path program = program_file();
  if (program.empty()) return {};
  const fs::path folder = program.parent_path();
  return {(folder / "../share/ocellus" / below).lexically_normal(),
          (folder / "../.." / below).lexically_normal()};
}

namespace {

fs::path demo_place() { return from_environment("OCELLUS_DEMO_MODEL").value_or(embedded_folder()); }

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
  const hub::CatalogueEntry* entry = hub::find_in_catalogue(name);
  const std::string pull =
      entry == nullptr ? std::string() : fmt::format("`ocellus pull {}` gets it; ", entry->name);
  std::vector<std::string> places;
  for (const fs::path& place : looked) places.push_back(place.string());
  return {ErrorCode::kNotFound,
          fmt::format("there is no model \"{}\"; looked in {}", name, fmt::join(places, ", ")),
          pull + there, "model"};
}

// A whole model of the Hugging Face cache; none where there is nothing of that name.
Result<std::optional<fs::path>> in_cache(std::string_view name, NameFrom from) {
  const std::vector<hub::CachedModel> found = hub::find_cached(name);
  if (found.empty()) return std::optional<fs::path>();
  if (found.size() > 1) return hub::may_be_any_of(name, found);
  const hub::CachedModel& model = found.front();
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

Result<void> bring_weights(LoadedModel& loaded, const LoadOptions& options) {
  using Weights = LoadOptions::Weights;
  const MappedRanges ranges = loaded.model->mapped_weights();
  if (options.weights == Weights::kBehind) {
    constexpr int kMostThreads = 4;  // more wait for each other in the kernel
    if (ranges.empty()) return {};
    loaded.reader = std::make_unique<WeightReader>(ranges, std::min(kMostThreads, usable_cores()));
    loaded.reader->wait(options.patience);
    return {};
  }
  if (options.weights == Weights::kLock) {
    const Result<void> locked = lock_in_memory(ranges);
    OC_RETURN_IF_ERROR(loaded.model->intact());  // the better reason, if there is one
    OC_RETURN_IF_ERROR(locked);
  }
  const auto all = populate(ranges, [&](std::size_t done, std::size_t total) {
    if (options.progress) options.progress(done, total);
    return true;
  });
  OC_RETURN_IF_ERROR(loaded.model->intact());
  if (!all.ok()) return all.error();
  return {};
}

// The folder to load in place of one in full precision.
Result<fs::path> quantised(const fs::path& folder, const LoadOptions& options) {
  OC_ASSIGN_OR_RETURN(const bool already, is_quantised_folder(folder));
  if (already && options.only_full_precision) return folder;
  if (already)
    return Error{ErrorCode::kUnsupported, fmt::format("{} is quantised already", folder.string()),
                 "leave --quantize out, or name the checkpoint in full precision"};
  QuantizeRun run;
  if (options.quantize_progress)
    run.progress = [&](const QuantizeProgress& progress) {
      options.quantize_progress(progress.done, progress.total);
    };
  return quantised_copy(folder, {options.quantize_bits, options.quantize_group}, run);
}

}  // namespace

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
  for (const hub::CachedModel& model : hub::cached_models())
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
    // A short name of the catalogue: pulled models lie below their full names.
    if (const hub::CatalogueEntry* entry = hub::find_in_catalogue(name);
        entry != nullptr && is_folder(*models / entry->repo))
      return *models / entry->repo;
    looked.push_back(*models / name);
  }
  if (is_plain_name(name)) {
    const hub::CatalogueEntry* entry = hub::find_in_catalogue(name);
    OC_ASSIGN_OR_RETURN(const auto cached, in_cache(entry != nullptr ? entry->repo : name, from));
    if (cached) return *cached;
    if (const auto cache = hub::hf_cache()) looked.push_back(*cache);
  }
  return not_found(name, from, looked);
}

std::string model_name(const std::string& name_or_path, const fs::path& folder) {
  if (is_demo_name(name_or_path) || folder == embedded_folder()) return std::string(kDemoName);
  if (auto cached = hub::cached_name(folder)) return *std::move(cached);
  const std::optional<fs::path> models = models_folder();
  if (models && is_plain_name(name_or_path) && folder == *models / name_or_path)
    return name_or_path;
  std::error_code error;
  fs::path whole = fs::weakly_canonical(folder, error);
  if (error) whole = folder;
  return whole.has_filename() ? whole.filename().string() : whole.parent_path().filename().string();
}

Result<std::shared_ptr<const LoadedModel>> load(const std::string& name_or_path,
                                                const EngineOptions& options,
                                                const LoadOptions& load_options) {
  const Stopwatch watch;
  OC_ASSIGN_OR_RETURN(fs::path folder, resolve_model(name_or_path));
  auto loaded = std::make_shared<LoadedModel>();
  loaded->name = model_name(name_or_path, folder);
  if (load_options.quantize_bits != 0) {
    OC_ASSIGN_OR_RETURN(folder, quantised(folder, load_options));
  }
  OC_ASSIGN_OR_RETURN(loaded->engine, make_engine(options));
  OC_ASSIGN_OR_RETURN(loaded->model, load_model(folder, loaded->engine));
  OC_RETURN_IF_ERROR(bring_weights(*loaded, load_options));
  loaded->load_ms = watch.ms();
  const ModelInfo& info = loaded->model->info();
  log::event(log::Level::kInfo, "loaded",
             {{"model", loaded->name},
              {"architecture", info.architecture},
              {"weights", info.quantization},
              {"mb", info.weights_bytes >> 20},
              {"engine", loaded->engine->description()},
              {"load_ms", fmt::format("{:.0f}", loaded->load_ms)}});
  return std::shared_ptr<const LoadedModel>(std::move(loaded));
}

}  // namespace oc
