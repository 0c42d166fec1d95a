// Model names to folders to loaded models.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "models/model.h"

namespace oc {

struct LoadedModel {
  std::string name;                    // as clients call it, e.g. "ocellus-demo"
  std::shared_ptr<Engine> engine;      // outlives the model
  std::unique_ptr<const Model> model;
  double load_ms = 0;
};

// A folder path, "demo" (the embedded model), or a name below $OCELLUS_HOME/models. kNotFound says
// where was looked and what is there.
Result<std::filesystem::path> resolve_model(const std::string& name_or_path);
Result<std::shared_ptr<const LoadedModel>> load(const std::string& name_or_path,
                                                const EngineOptions& options);

}  // namespace oc
