// The fields of the original model servers beside OpenAI's, so that their clients find them.
#pragma once

#include <string>

#include "api/served_model.h"
#include "runtime/request.h"

namespace oc {

// `completion` (a JSON object) with "performance", "optimized" and "method" at its end.
std::string with_original_fields(std::string completion, const ServedModel& model,
                                 const GenerateResult& result);

}  // namespace oc
