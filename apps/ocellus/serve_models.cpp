#include "serve_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <mutex>
#include <utility>

#include "api/config/catalogue.h"
#include "base/log.h"
#include "model_plan.h"
#include "runtime/library/client_name.h"
#include "runtime/library/known_models.h"
#include "runtime/library/names.h"
#include "runtime/library/plain_name.h"

namespace oc {
namespace {

// A model of the original by the key of its configuration. The catalogue says what it is here.
struct Original {
  std::string_view name;
  bool optimized = false;  // as its backend called it
  // A request that names it is for whichever model is active: the original had no other.
  bool means_active = false;
};
constexpr std::array<Original, 6> kOriginals = {
    {{.name = "phi3_vision", .means_active = true},
     {.name = "phi3_vision_optimized", .optimized = true, .means_active = true},
     {.name = "smolvlm2_500m_video"},
     {.name = "smolvlm2_500m_video_optimized", .optimized = true},
     {.name = "moondream2"},
     {.name = "moondream2_optimized", .optimized = true}}};

// A name of the original for what is another model here, or none.
struct Renamed {
  std::string_view name, now;  // one of kOriginals; empty: there is none
  std::string_view what;       // about it, behind its name
};
constexpr std::array<Renamed, 3> kRenamed = {
    {{"smolvlm", "smolvlm2_500m_video", "means SmolVLM2-500M here, the model's next version"},
     {"llava_mlx", "",
      "was a model of the original system, and LLaVA is not among those that run here"},
     {"yolo8", "", "was a detector of the original system, and no model that answers questions"}}};

const Original* find_original(std::string_view name) {
  const auto found = std::ranges::find(kOriginals, name, &Original::name);
  return found != kOriginals.end() ? &*found : nullptr;
}
const Renamed* find_renamed(std::string_view name) {
  const auto found = std::ranges::find(kRenamed, name, &Renamed::name);
  return found != kRenamed.end() ? &*found : nullptr;
}

// How far the one load is that is under way.
class LoadWatch {
 public:
  void begin() { set({}); }
  LoadProgress now() const {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  // Tells this, and the log a line for each quarter.
  static auto reporter(const std::shared_ptr<LoadWatch>& watch, const char* event,
                       std::string_view phase) {
    return
        [watch, event, phase, last = std::size_t{0}](std::size_t done, std::size_t total) mutable {
          watch->set({phase, done, total});
          const std::size_t quarter = total > 0 ? done * 4 / total : 4;
          if (std::exchange(last, quarter) != quarter)
            log::event(log::Level::kInfo, event, {{"mb", done >> 20}, {"of", total >> 20}});
        };
  }

 private:
  void set(const LoadProgress& progress) {
    const std::lock_guard lock(mutex_);
    now_ = progress;
  }
  mutable std::mutex mutex_;
  LoadProgress now_;
};

Loader make_loader(const Settings& settings, const std::shared_ptr<LoadWatch>& watch) {
  LoadOptions loading = load_options(settings.model);
  // serve() has refused a first model that is quantised; those that clients name are as they are.
  loading.only_full_precision = settings.model.quantize.has_value();
  if (!settings.config.get<bool>("server.warm_up")) loading.patience = {};
  return [loading, watch](const std::string& source, const EngineOptions& engine) {
    LoadOptions options = loading;
    watch->begin();
    options.progress = LoadWatch::reporter(watch, "reading weights", "reading");
    options.quantize_progress = LoadWatch::reporter(watch, "quantizing", "quantizing");
    return load(source, engine, options);
  };
}

// As `ocellus plan` says it. What cannot be measured is left to the load, which says why.
auto make_planner(Settings settings, std::size_t request_bytes) {
  // Taken once for all models, before the first one is loaded.
  settings.memory.requests = request_bytes;
  return [settings = std::move(settings)](const std::string& source, const EngineOptions& engine,
                                          std::size_t taken) -> Result<PlannedModel> {
    MemoryRoom room = room_for(settings);
    room.taken = taken;
    PlannedModel planned{settings.service};
    const auto plan = plan_model(source, engine, settings, room);
    if (!plan.ok()) return planned;
    OC_RETURN_IF_ERROR(plan->check());
    plan->apply(planned.service);
    planned.bytes = plan->model_bytes();
    log::event(log::Level::kInfo, "memory",
               {{"model", source},
                {"weights_mb", plan->weights >> 20},
                {"kv_mb", plan->kv >> 20},
                {"prefixes_mb", plan->prefixes >> 20},
                {"images_mb", plan->images >> 20},
                {"responses_mb", plan->responses >> 20},
                {"requests_mb", plan->requests >> 20},
                {"total_mb", plan->total() >> 20},
                {"of_mb", room.usable >> 20},
                {"made_smaller", plan->smaller}});
    return planned;
  };
}

ModelRecipe recipe_of(const Settings& settings) {
  ModelRecipe recipe;
  recipe.name = first_model_name(settings.model);
  recipe.source = settings.model.path;
  if (!settings.model.id.empty()) recipe.aliases.push_back(settings.model.id);
  recipe.engine = settings.model.engine;
  if (settings.fallback.enabled) {
    recipe.fallback = settings.fallback.path;
    recipe.fallback_engine = settings.fallback.engine;
  }
  recipe.keep_alive = settings.config.milliseconds("engine.keep_alive_seconds");
  return recipe;
}

// A configuration of the catalogue, below the environment and the flags. `name` empty: these alone.
Settings catalogue_settings(const std::string& name, ConfigFlags flags) {
  flags.config = name;
  Config config = read_config(flags);
  return make_settings(config);
}

// What the original's names mean to a switch: which checkpoints, the catalogue alone says (a flag
// or variable means the first model's); how they are computed, flags and variables too.
Result<ModelRecipe> original_recipe(const std::string& name, const ConfigFlags& flags) {
  OC_ASSIGN_OR_RETURN(const auto file, find_configuration(name));
  Config config;
  config.read_file(file);
  const ModelRecipe catalogued = recipe_of(make_settings(config));
  ModelRecipe recipe = recipe_of(catalogue_settings(name, flags));
  recipe.name = name;
  recipe.source = catalogued.source;
  recipe.fallback = catalogued.fallback;
  if (!recipe.fallback_engine) recipe.fallback_engine = catalogued.fallback_engine;
  recipe.aliases.clear();
  return recipe;
}

Result<ModelRecipe> installed_original(const std::string& name, const ConfigFlags& flags) {
  if (!find_configuration(name).ok())
    return Error{ErrorCode::kNotFound,
                 fmt::format("the model of \"{}\" is not among those that run here", name), "",
                 "model"};
  OC_ASSIGN_OR_RETURN(ModelRecipe recipe, original_recipe(name, flags));
  for (const Renamed& other : kRenamed)
    if (other.now == name && !resolve_model(std::string(other.name), NameFrom::kClient).ok())
      recipe.aliases.emplace_back(other.name);
  if (resolve_model(recipe.source).ok() || resolve_model(recipe.fallback).ok()) return recipe;
  const KnownModel* const known = find_known_model(recipe.source);
  return Error{ErrorCode::kNotFound, fmt::format("the model of \"{}\" is not installed", name),
               known != nullptr ? fmt::format("`ocellus pull {}` gets it", known->name)
                                : "this version of ocellus does not know it",
               "model"};
}

// What a client's name means, where no model is known by it yet.
Result<ModelRecipe> recipe_called(const std::string& name, const ModelRecipe& first,
                                  const ConfigFlags& flags) {
  const Renamed* const renamed = find_renamed(name);
  if (find_original(name) == nullptr && renamed == nullptr) return installed_recipe(name, first);
  // Where a model is really called so, the name means it.
  if (auto recipe = installed_recipe(name, first); recipe.ok() && recipe->name == name)
    return recipe;
  if (renamed == nullptr) return installed_original(name, flags);
  if (!renamed->now.empty()) return installed_original(std::string(renamed->now), flags);
  return Error{ErrorCode::kInvalidArgument, fmt::format("\"{}\" {}", name, renamed->what), "",
               "model"};
}

// The names of the original, and short ones of known models, are written in small letters.
Result<ModelRecipe> recipe_by_name(const std::string& name, const ModelRecipe& first,
                                   const ConfigFlags& flags) {
  auto recipe = recipe_called(name, first, flags);
  const std::string loose = loose_name(name);
  if (recipe.ok() || loose == name) return recipe;
  auto meant = recipe_called(loose, first, flags);
  return meant.ok() ? meant : recipe;
}

// Installed under other names as well: /v1/models tells of it once.
void add_installed_names(ModelRecipe& recipe) {
  for (const std::string& name : available_models())
    if (name != recipe.name && is_same_model(name, recipe.source)) recipe.aliases.push_back(name);
}

// A model may still be pulled, so that this is no error.
void warn_of_lost_aliases(const std::vector<ModelAlias>& aliases, const ModelRecipe& first,
                          const HostOptions& options) {
  std::vector<std::string> names = available_models();
  std::vector<std::string> more = first.aliases;
  more.push_back(first.name);
  more.insert(more.end(), options.active_names.begin(), options.active_names.end());
  for (std::string& name : more)
    if (std::ranges::count(names, name) == 0) names.push_back(std::move(name));
  for (const ModelAlias& alias : aliases)
    if (find_name(alias.model, names) == nullptr && !options.find(alias.model).ok())
      log::event(log::Level::kWarning, "alias",
                 {{"name", alias.name},
                  {"warning", fmt::format("there is no model \"{}\" yet; {}", alias.model,
                                          names_instead(alias.model, names))}});
}

}  // namespace

std::string first_model_name(const ModelSettings& model) {
  if (!model.name.empty()) return model.name;
  if (const auto folder = resolve_model(model.path); folder.ok())
    return model_name(model.path, *folder);
  const std::filesystem::path path(model.path);
  return is_plain_name(model.path) || !path.has_filename() ? model.path : path.filename().string();
}

ModelRecipe first_recipe(const Settings& settings, const ConfigFlags& flags) {
  ModelRecipe first = recipe_of(settings);
  const std::string& active = settings.active_model;
  if (active.empty() || active == first.name || active == settings.model.id) return first;
  if (auto recipe = installed_recipe(active, first); recipe.ok()) return *std::move(recipe);
  std::string key = active;
  if (const Renamed* const renamed = find_renamed(active);
      renamed != nullptr && !renamed->now.empty()) {
    key = renamed->now;
    log::event(log::Level::kWarning, "active model", {{"name", active}, {"means", key}});
  }
  if (find_original(key) != nullptr)
    if (auto recipe = original_recipe(key, flags); recipe.ok()) return *std::move(recipe);
  first.name = first.source = active;
  first.fallback.clear();
  first.fallback_engine.reset();
  first.aliases.clear();
  return first;
}

std::shared_ptr<ModelHost> make_model_host(const Settings& settings, const ConfigFlags& flags,
                                           std::size_t request_bytes) {
  const ModelRecipe first = recipe_of(settings);
  HostOptions options;
  options.service = settings.service;
  options.plan = make_planner(settings, request_bytes);
  options.warm_up = settings.config.get<bool>("server.warm_up");
  options.memory_limit = settings.config.bytes("limits.model_memory_mb");
  options.max_waiting = std::max<std::size_t>(1, settings.service.max_queue);
  for (const Original& original : kOriginals)
    if (original.means_active) options.active_names.emplace_back(original.name);
  const auto watch = std::make_shared<LoadWatch>();
  options.load = make_loader(settings, watch);
  options.load_progress = [watch] { return watch->now(); };
  options.note = note_of_name;
  options.find = [first, flags](const std::string& name) {
    return recipe_by_name(name, first, flags);
  };
  warn_of_lost_aliases(settings.aliases, first, options);
  auto host = std::make_shared<ModelHost>(std::move(options));
  ModelRecipe named = first;
  add_installed_names(named);
  host->add(std::move(named));
  // Likewise where a request would mean the active one.
  for (const Original& original : kOriginals)
    if (auto recipe = installed_recipe(std::string(original.name), first);
        recipe.ok() && recipe->name == original.name && original.name != first.name)
      host->add(*std::move(recipe));
  return host;
}

http::ProfileOf profiles(const Settings& settings, const ConfigFlags& flags) {
  const auto profile = [](const Settings& of, const std::string& id) {
    const Original* original = find_original(id);
    return http::ModelProfile{id, original != nullptr && original->optimized, of.defaults, of.ui};
  };
  std::map<std::string, http::ModelProfile> known;
  for (const Original& original : kOriginals)
    if (const std::string file(original.name); find_configuration(file).ok())
      known[file] = profile(catalogue_settings(file, flags), file);
  known[first_model_name(settings.model)] = profile(settings, settings.model.id);
  return [known = std::move(known),
          others = profile(catalogue_settings({}, flags), {})](const std::string& name) {
    const auto found = known.find(name);
    return found != known.end() ? found->second : others;
  };
}

std::string note_of_name(const std::string& name) {
  const Renamed* const renamed = find_renamed(name);
  return renamed != nullptr ? fmt::format("\"{}\" {}", name, renamed->what) : std::string();
}

}  // namespace oc
