// Phi-3.5-Vision: CLIP tower, HD merge, projector and Phi-3 decoder, written once against ops/.
#pragma once

#include <filesystem>
#include <memory>

#include "models/model.h"

namespace oc {

Result<std::unique_ptr<const Model>> load_phi3v(std::shared_ptr<const Checkpoint> checkpoint,
                                                std::shared_ptr<Engine> engine);

}  // namespace oc
