// POST /api/chat and /api/generate, the answer: one object, or lines of them (NDJSON).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "api/dialect.h"
#include "api/ollama/fields.h"

namespace oc {

inline constexpr std::string_view kJsonLines = "application/x-ndjson";

// {"error": text}, with our code beside it.
std::string ollama_error_json(const ApiError& error);

// Of one answer, by the name that the client has for its model.
std::unique_ptr<AnswerWriter> ollama_writer(OllamaRoute route, const ChatRequest& request,
                                            const AnswerStart& start);

}  // namespace oc
