// Configuration of the verbs that answer by themselves (`ask`, `chat`): the same schema as `serve`.
#pragma once

#include <memory>

#include "answer_flags.h"

namespace oc {

// File, environment and flags, the later one counting. Ends the program with status 2 and
// everything that is wrong, if anything is; warnings go to stderr.
void apply_config(AnswerFlags& flags);

// The model, or its fallback with a warning; ends the program when neither can be loaded.
std::shared_ptr<const LoadedModel> load_answering(const AnswerFlags& flags);

// The bounds and texts of the configuration, and the moment at which the answer has to be there.
// For a request that is about to run; may be done again.
void finish_request(const AnswerFlags& flags, const Model& model, GenerateRequest& request);

}  // namespace oc
