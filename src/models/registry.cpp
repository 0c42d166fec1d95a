#include "models/registry.h"

#include <fmt/format.h>

#include "io/json.h"
#include "models/phi3v/model.h"

namespace oc {

Result<std::unique_ptr<const Model>> load_model(const std::filesystem::path& folder,
                                                std::shared_ptr<Engine> engine) {
  OC_ASSIGN_OR_RETURN(std::shared_ptr<const Checkpoint> checkpoint, Checkpoint::open(folder));
  OC_ASSIGN_OR_RETURN(const std::string type,
                      JsonReader(checkpoint->config(), "config.json").string("model_type"));
  if (type == "phi3_v") return load_phi3v(std::move(checkpoint), std::move(engine));
  return Error{ErrorCode::kUnsupported,
               fmt::format("config.json: model_type \"{}\" is not supported", type),
               "ocellus runs phi3_v (Phi-3.5-Vision)"};
}

}  // namespace oc
