// One request without a service: for verbs and tools that answer one at a time.
#pragma once

#include "runtime/request.h"
#include "runtime/serving/request_context.h"

namespace oc {

// Runs a request to its end on the calling thread, which must be the only one on the model's
// engine. Errors: kContextLength with the counts, kInvalidArgument, kCancelled, kDeadline;
// kInternal when the model produces no numbers. Nothing of one request can be seen by the next, but
// for what `caches` keep; the answers are the same with them. Pictures need their digests then.
Result<GenerateResult> generate(const Model& model, const GenerateRequest& request,
                                const GenerateHooks& hooks, const RequestCaches& caches = {});

}  // namespace oc
