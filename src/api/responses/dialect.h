// OpenAI's Responses API.
#pragma once

#include "api/dialect.h"

namespace oc {

const Dialect& responses_dialect();

}  // namespace oc
