// The fields of the original model servers beside OpenAI's, so that their clients find them.
#pragma once

#include <string>

#include "ops/engine_info.h"
#include "runtime/request.h"

namespace oc {

// The original's word for what computes: "CPU", "MLX".
std::string method_of(const EngineInfo& engine);

// What they tell of the model that answers.
struct OriginalModel {
  std::string method;      // method_of()
  bool optimized = false;  // the original's optimised configuration
};

// `completion` (a JSON object) with "performance", "optimized" and "method" at its end.
std::string with_original_fields(std::string completion, const OriginalModel& model,
                                 const GenerateResult& result);

}  // namespace oc
