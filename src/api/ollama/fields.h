// The fields of POST /api/chat and /api/generate, as rows (Ollama's docs/api.md).
#pragma once

#include <span>
#include <string_view>

#include "api/field.h"

namespace oc {

enum class OllamaRoute { kChat, kGenerate };
std::string_view name_of(OllamaRoute route);  // the last part of its path: "chat"

std::span<const RequestField> ollama_fields(OllamaRoute route);

// The row of this name, which the route has.
const RequestField& ollama_field(OllamaRoute route, std::string_view name);

}  // namespace oc
