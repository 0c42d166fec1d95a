// The fields of the original model servers beside OpenAI's, so that their clients find them.
#pragma once

#include <string>

#include "runtime/request.h"

namespace oc {

// What they tell of the model that answers.
struct OriginalModel {
  std::string method;      // what computes: "CPU", "MLX"
  bool optimized = false;  // the original's optimised configuration
};

// `completion` (a JSON object) with "performance", "optimized" and "method" at its end.
std::string with_original_fields(std::string completion, const OriginalModel& model,
                                 const GenerateResult& result);

}  // namespace oc
