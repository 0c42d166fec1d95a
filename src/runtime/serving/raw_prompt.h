// A prompt without a template, as ids.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "models/model.h"
#include "runtime/request.h"

namespace oc {

// Behind what the model's texts begin with, which no text has twice; ids are all of it. Text that
// is sure to have more ids than `room` is not tokenised (Prompt::too_many). kInvalidArgument, param
// "prompt": it is empty, or an id is none of the model's.
Result<Prompt> build_raw_prompt(const Model& model, const RawPrompt& raw, std::int64_t room);

}  // namespace oc
