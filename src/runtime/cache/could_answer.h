// Whether an answer that somebody else has written down can be one to a request.
#pragma once

#include "runtime/request.h"

namespace oc {

// Everything that the rest of the program relies on and that shows without computing: as many
// answers or scores as were asked for, log-probabilities just where they were, within the lengths,
// counts that add up, JSON where it was wanted. `image_tokens`: of the request's pictures.
bool could_answer(const GenerateRequest& request, std::int64_t image_tokens,
                  const GenerateResult& result);

}  // namespace oc
