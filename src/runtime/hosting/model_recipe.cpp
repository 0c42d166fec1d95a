#include "runtime/hosting/model_recipe.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/places.h"
#include "io/files.h"
#include "runtime/library/hf_cache.h"
#include "runtime/library/known_models.h"
#include "runtime/library/names.h"
#include "runtime/library/plain_name.h"

namespace oc {
namespace {

namespace fs = std::filesystem;

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  if (what.empty()) return;
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

}  // namespace

Result<CookedModel> load_recipe(const ModelRecipe& recipe, const Loader& load, const Fits& fits) {
  OC_RETURN_IF_ERROR(fits(recipe.source, recipe.engine));
  auto first = load(recipe.source, recipe.engine);
  if (first.ok()) return CookedModel{std::move(*first), std::nullopt};
  if (recipe.fallback.empty()) return first.error();

  log::event(log::Level::kWarning, "fallback",
             {{"model", recipe.name},
              {"full_precision", recipe.fallback},
              {"because", first.error().describe()}});
  EngineOptions engine = recipe.fallback_engine.value_or(recipe.engine);
  if (!recipe.fallback_engine) engine.engine = "cpu";
  const Result<void> room = fits(recipe.fallback, engine);
  auto second = room.ok() ? load(recipe.fallback, engine)
                          : Result<std::shared_ptr<const LoadedModel>>(room.error());
  if (second.ok()) return CookedModel{std::move(*second), first.error()};
  // The same checkpoint on another engine, and the same is wrong with it.
  if (recipe.fallback == recipe.source && second.error().message == first.error().message)
    return first.error();
  return Error{
      second.error().code,
      fmt::format("neither the model nor its fallback can be loaded. {}: {}. {}: {}", recipe.source,
                  first.error().message, recipe.fallback, second.error().message),
      first.error().hint};
}

Result<ModelRecipe> installed_recipe(const std::string& name, const ModelRecipe& pattern) {
  const auto folder = resolve_model(name, NameFrom::kClient);
  if (!folder.ok() || !is_file(*folder / "config.json"))
    return Error{ErrorCode::kNotFound, "there is no model of this name", "", "model"};
  // Pulled models lie below their full names.
  const KnownModel* entry = find_known_model(name);
  const auto home = models_folder();
  const bool short_name = entry != nullptr && home && *folder == *home / entry->repo;
  ModelRecipe recipe = pattern;
  recipe.name = model_name(short_name ? std::string(entry->repo) : name, *folder);
  recipe.source = recipe.name;
  recipe.fallback.clear();
  recipe.aliases.clear();
  recipe.only_source = true;
  return recipe;
}

std::string without_folder(std::string text, const std::string& source) {
  if (source.empty()) return text;
  const auto folder = resolve_model(source);
  std::error_code error;
  if (folder.ok()) {
    const std::string name = cached_name(*folder).value_or(folder->filename().string());
    for (const fs::path& path : {*folder, fs::weakly_canonical(*folder, error)})
      replace_all(text, path.string(), name.empty() ? "the model" : name);
  }
  const fs::path given(source);
  if (given.has_parent_path() && !is_plain_name(source))
    replace_all(text, source, given.filename().string());
  if (const auto home = models_folder()) {
    replace_all(text, home->string(), "models");
    replace_all(text, (home->parent_path() / "quantized").string(), "quantized");
  }
  // "/" or "hub" would be found in any text.
  if (const auto cache = hf_cache(); cache && cache->is_absolute() && cache->has_filename())
    replace_all(text, cache->string(), "the Hugging Face cache");
  return text;
}

}  // namespace oc
