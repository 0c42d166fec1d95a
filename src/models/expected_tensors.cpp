#include "models/expected_tensors.h"

#include "models/registry.h"

namespace oc {

std::string matrix_prefix(std::string_view name) {
  constexpr std::string_view kWeight = ".weight";
  if (name.ends_with(kWeight)) name.remove_suffix(kWeight.size());
  return std::string(name);
}

std::optional<Shape> mlx_layout(const Shape& shape) {
  if (shape.rank() != 4 || shape[1] != 3 || shape[2] != shape[3] || shape[2] == 3)
    return std::nullopt;
  return Shape{shape[0], shape[2], shape[3], shape[1]};
}

Result<std::vector<ExpectedTensor>> expected_tensors(const Checkpoint& checkpoint) {
  OC_ASSIGN_OR_RETURN(const std::unique_ptr<const Blueprint> blueprint,
                      open_blueprint(checkpoint.folder()));
  return blueprint->tensors();
}

}  // namespace oc
