#include "models/expected_tensors.h"

#include "models/registry.h"

namespace oc {

Result<std::vector<ExpectedTensor>> expected_tensors(const Checkpoint& checkpoint) {
  OC_ASSIGN_OR_RETURN(const std::unique_ptr<const Blueprint> blueprint,
                      open_blueprint(checkpoint.folder()));
  return blueprint->tensors();
}

}  // namespace oc
