// OpenAI's Chat Completions.
#pragma once

#include "api/dialect.h"

namespace oc {

const Dialect& openai_dialect();

}  // namespace oc
