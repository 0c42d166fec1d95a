// Whether an answer that somebody else has written down can be one to a request.
#pragma once

#include "runtime/request.h"

namespace oc {

// Everything that the rest of the program relies on and that shows without computing: as many
// answers or scores as were asked for, log-probabilities just where they were, within the lengths,
// counts that add up, JSON where it was wanted.
bool could_answer(const GenerateRequest& request, const GenerateResult& result);

}  // namespace oc
