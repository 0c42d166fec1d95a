// What the JSON files of a Phi-3.5-Vision checkpoint tell.
#pragma once

#include <filesystem>

#include "models/blueprint.h"

namespace oc {

Result<std::unique_ptr<const Blueprint>> open_phi3v(const std::filesystem::path& folder);

}  // namespace oc
