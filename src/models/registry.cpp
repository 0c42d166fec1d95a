#include "models/registry.h"

#include <array>

#include "models/moondream/model.h"
#include "models/phi3v/model.h"
#include "models/smolvlm/model.h"

namespace oc {

std::span<const Architecture> architectures() {
  static const std::array kAll = {
      phi3v_architecture(),
      smolvlm_architecture(),
      moondream_architecture(),
  };
  return kAll;
}

}  // namespace oc
