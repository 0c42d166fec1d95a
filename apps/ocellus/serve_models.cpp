#include "serve_models.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <utility>

#include "base/log.h"

namespace oc {
namespace {

constexpr std::array<std::string_view, 2> kOriginalNames = {"phi3_vision", "phi3_vision_optimized"};

Loader make_loader(const ModelFlags& flags) {
  LoadOptions loading = flags.loading;
  if (!flags.warm_up) loading.patience = {};
  return [loading](const std::string& source, const EngineOptions& engine) {
    LoadOptions options = loading;
    options.progress = [last = std::size_t{0}](std::size_t done, std::size_t total) mutable {
      if (const std::size_t quarter = done * 4 / total; std::exchange(last, quarter) != quarter)
        log::event(log::Level::kInfo, "reading weights", {{"mb", done >> 20}, {"of", total >> 20}});
    };
    return load(source, engine, options);
  };
}

// What both of the original's configurations name, and their fallback.
Result<ModelRecipe> original_recipe(const std::string& name, const ModelRecipe& pattern) {
  ModelRecipe recipe = pattern;
  recipe.name = name;
  recipe.source = "phi-3.5-vision-4bit";
  recipe.fallback = "phi-3.5-vision";
  if (!resolve_model(recipe.source).ok() && !resolve_model(recipe.fallback).ok())
    return Error{ErrorCode::kNotFound, "Phi-3.5-Vision is not installed",
                 "`ocellus pull phi-3.5-vision-4bit` gets it", "model"};
  return recipe;
}

}  // namespace

void add_model_host_flags(CLI::App& verb, ModelFlags& flags) {
  verb.add_option("--fallback", flags.fallback,
                  "Full-precision model for when --model cannot be loaded (CPU engine)");
  verb.add_option("--keep-alive", flags.keep_alive_s,
                  "Seconds without a request after which a model is unloaded; 0: never")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  verb.add_option("--model-memory", flags.memory_mb,
                  "MiB for the weights of all loaded models; 0: nine tenths of the machine's")
      ->check(CLI::Range(0, 1 << 24))
      ->capture_default_str();
}

std::string first_model_name(const ModelFlags& flags) {
  if (!flags.served_name.empty()) return flags.served_name;
  if (const auto folder = resolve_model(flags.model); folder.ok())
    return model_name(flags.model, *folder);
  const std::filesystem::path path(flags.model);
  return is_plain_name(flags.model) || !path.has_filename() ? flags.model
                                                            : path.filename().string();
}

std::shared_ptr<ModelHost> make_model_host(const ModelFlags& flags, const ServiceOptions& service) {
  ModelRecipe first;
  first.name = first_model_name(flags);
  first.source = flags.model;
  first.fallback = flags.fallback;
  first.engine = flags.engine;
  first.keep_alive = std::chrono::milliseconds(std::llround(flags.keep_alive_s * 1000));

  HostOptions options;
  options.service = service;
  options.warm_up = flags.warm_up;
  options.memory_limit = flags.memory_mb << 20;
  options.max_waiting = std::max<std::size_t>(1, service.max_queue);
  options.active_names.insert(options.active_names.end(), kOriginalNames.begin(),
                              kOriginalNames.end());
  options.load = make_loader(flags);
  options.find = [pattern = first](const std::string& name) -> Result<ModelRecipe> {
    if (std::ranges::find(kOriginalNames, name) != kOriginalNames.end())
      return original_recipe(name, pattern);
    return installed_recipe(name, pattern);
  };
  auto host = std::make_shared<ModelHost>(std::move(options));
  host->add(first);
  // Where a model is really called so, the name means it.
  for (const std::string_view name : kOriginalNames)
    if (auto recipe = installed_recipe(std::string(name), first); recipe.ok() && name != first.name)
      host->add(*std::move(recipe));
  return host;
}

}  // namespace oc
