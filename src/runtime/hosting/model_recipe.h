// How a named model is made: the configured checkpoint first and, where that cannot be loaded, the
// full-precision one on the CPU engine ("dual strategy").
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ops/engine.h"
#include "runtime/library/loader.h"

namespace oc {

struct ModelRecipe {
  std::string name;      // as clients call it
  std::string source;    // the operator's: a folder, an installed model, a known model's name
  std::string fallback;  // the same, of full precision; empty: none
  std::vector<std::string> aliases = {};  // other names for it, beside the checkpoint's own
  EngineOptions engine;
  std::optional<EngineOptions> fallback_engine = {};  // nullopt: `engine`, on the CPU
  // Without a request for so long it is unloaded, and loaded again for the next; 0: never.
  std::chrono::milliseconds keep_alive{0};
  // It has no settings of its own: a known model of the same folder is the same, by another name.
  bool only_source = false;
};

// As load(), for one source.
using Loader = std::function<Result<std::shared_ptr<const LoadedModel>>(const std::string& source,
                                                                        const EngineOptions&)>;

// Whether there is memory for a source on an engine.
using Fits = std::function<Result<void>(const std::string& source, const EngineOptions&)>;

struct CookedModel {
  std::shared_ptr<const LoadedModel> model;
  std::optional<Error> fallback_reason;  // why it is the fallback
};
// Both sources bad: one error with both reasons. Too little memory for the first one is no reason
// to try the larger second.
Result<CookedModel> load_recipe(const ModelRecipe& recipe, const Loader& load, const Fits& fits);

// A recipe for what a client names: an installed model (resolve_model(NameFrom::kClient)), made
// like `pattern`. kNotFound without the client's text.
Result<ModelRecipe> installed_recipe(const std::string& name, const ModelRecipe& pattern);

// The text of an error for clients: the model's folder does not show.
std::string without_folder(std::string text, const std::string& source);

}  // namespace oc
