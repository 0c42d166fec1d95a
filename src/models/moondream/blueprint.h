// The blueprint of Moondream2.
#pragma once

#include <filesystem>
#include <memory>

#include "models/blueprint.h"

namespace oc {

Result<std::unique_ptr<const Blueprint>> open_moondream(const std::filesystem::path& folder);

}  // namespace oc
