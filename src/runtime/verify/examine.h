// All that `ocellus verify MODEL` looks at, without golden data of the model's own: whether this
// program computes right here, on checkpoints of the model's family that are known, and what can be
// said of the model's own weights.
#pragma once

#include <functional>
#include <string_view>

#include "runtime/verify/certificate.h"
#include "runtime/verify/golden_set.h"

namespace oc {

struct ExamineOptions {
  EngineOptions engine;      // that the model was loaded with
  int max_model_tokens = 0;  // as VerifyOptions
  std::function<void(std::string_view stage, std::string_view name)> progress;
};

// Adds stages and checks to the certificate, whose files are digested already. `sets`: of the
// model's family. Errors: what keeps it from being examined, not what is wrong with it.
Result<void> examine(const Model& model, const std::vector<GoldenSet>& sets,
                     const ExamineOptions& options, Certificate& certificate);

}  // namespace oc
