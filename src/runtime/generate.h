// The life of one request; read this first. generate.cpp reads as five verbs: plan, encode, prompt,
// prefill, decode.
#pragma once

#include "runtime/request.h"

namespace oc {

// Runs a request to its end on the calling thread, which must be the only one on the model's engine.
// Errors: kContextLength with the counts, kInvalidArgument, kCancelled, kDeadline. Nothing of one
// request can be seen by the next.
Result<GenerateResult> generate(const Model& model, const GenerateRequest& request,
                                const GenerateHooks& hooks);

}  // namespace oc
