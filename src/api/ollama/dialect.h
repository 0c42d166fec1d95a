// Ollama's API: POST /api/chat and /api/generate, and the shape of all errors below /api/.
#pragma once

#include "api/dialect.h"
#include "api/ollama/fields.h"

namespace oc {

const Dialect& ollama_dialect(OllamaRoute route);

}  // namespace oc
