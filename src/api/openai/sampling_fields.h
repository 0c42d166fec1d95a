// Fields that OpenAI's ways to ask have in common, by the rows of chat completions
// (api/openai/chat_fields.h). Only for .cpp files: it pulls in Boost.JSON.
#pragma once

#include "api/chat_request.h"
#include "api/json_fields.h"
#include "api/no_effect.h"

namespace oc {

// temperature, top_p, seed, logit_bias and the like.
Result<void> parse_sampling(const JsonFields& fields, RequestedSampling& sampling);
// By which of two names a client said something, for errors.
void name_aliases(const JsonFields& fields, FieldNames& names);
// "stop". An empty string stops nothing: pages send it for a field that was left empty.
Result<void> parse_stop(const JsonFields& fields, GenerateRequest& request, NoEffect no_effect);
// stream and stream_options.
Result<void> parse_stream(const JsonFields& fields, ChatRequest& request, NoEffect no_effect);

}  // namespace oc
