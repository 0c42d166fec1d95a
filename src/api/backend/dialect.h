// The original backend's errors: {"detail": text}, with OpenAI's object beside it. Its questions
// are OpenAI's.
#pragma once

#include "api/dialect.h"

namespace oc {

const Dialect& backend_dialect();

}  // namespace oc
