// From a model folder to a Model: the architecture is named by config.json.
#pragma once

#include <filesystem>
#include <memory>

#include "models/model.h"

namespace oc {

// Loads the checkpoint in `folder` for `engine`, which must outlive the model. Errors name what is
// missing or wrong; nothing runs before every shape was checked.
Result<std::unique_ptr<const Model>> load_model(const std::filesystem::path& folder,
                                                std::shared_ptr<Engine> engine);

}  // namespace oc
