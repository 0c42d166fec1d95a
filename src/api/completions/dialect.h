// OpenAI's older text completions.
#pragma once

#include "api/dialect.h"

namespace oc {

const Dialect& completions_dialect();

}  // namespace oc
