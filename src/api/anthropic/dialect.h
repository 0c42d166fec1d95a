// Anthropic's Messages API, POST /v1/messages.
#pragma once

#include "api/dialect.h"

namespace oc {

const Dialect& anthropic_dialect();

}  // namespace oc
