#include "models/expected_tensors.h"

#include <fmt/format.h>

#include "io/json.h"

namespace oc {

Result<std::vector<ExpectedTensor>> expected_tensors(const Checkpoint& checkpoint) {
  OC_ASSIGN_OR_RETURN(const std::string type,
                      JsonReader(checkpoint.config(), "config.json").string("model_type"));
  if (type != "phi3_v")
    return Error{ErrorCode::kUnsupported,
                 fmt::format("config.json: model_type \"{}\" is not supported", type),
                 "ocellus knows the tensors of phi3_v (Phi-3.5-Vision)"};
  OC_ASSIGN_OR_RETURN(const Phi3VConfig config, load_phi3v_config(checkpoint.folder()));
  return phi3v_tensors(config);
}

}  // namespace oc
