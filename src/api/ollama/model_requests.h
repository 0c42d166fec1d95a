// What Ollama's clients say of a model as a whole: POST /api/show and /api/pull, DELETE
// /api/delete.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/field.h"
#include "api/pulls.h"

namespace oc {

enum class OllamaModelRoute { kShow, kPull, kDelete };
std::span<const RequestField> ollama_model_fields(OllamaModelRoute route);

// The model of a request to show or to delete one, as the client wrote it. Errors:
// kInvalidArgument, kUnsupported, with the field in param.
Result<std::string> parse_ollama_model(OllamaModelRoute route, std::string_view body);

struct OllamaPull {
  PullRequest pull;
  bool stream = true;
};
// Errors: also as parse_pull().
Result<OllamaPull> parse_ollama_pull(std::string_view body);

// "phi:latest" is "phi": models here have no tags, and this one says nothing.
std::string_view without_latest(std::string_view name);

}  // namespace oc
