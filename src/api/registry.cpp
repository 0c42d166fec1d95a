#include "api/registry.h"

#include <array>

#include "api/anthropic/dialect.h"
#include "api/anthropic/messages_response.h"
#include "api/moondream/dialect.h"
#include "api/ollama/dialect.h"
#include "api/openai/dialect.h"
#include "api/openai/plan_response.h"

namespace oc {

std::span<const ChatPath> chat_paths() {
  static const std::array<ChatPath, 8> kPaths = {{
      {"/v1/chat/completions", openai_dialect()},
      {"/v1/messages", anthropic_dialect()},
      {"/v1/query", moondream_dialect(MoondreamRoute::kQuery)},
      {"/v1/caption", moondream_dialect(MoondreamRoute::kCaption)},
      {"/v1/detect", moondream_dialect(MoondreamRoute::kDetect)},
      {"/v1/point", moondream_dialect(MoondreamRoute::kPoint)},
      {"/api/chat", ollama_dialect(OllamaRoute::kChat), true},
      {"/api/generate", ollama_dialect(OllamaRoute::kGenerate), true},
  }};
  return kPaths;
}

std::span<const PlanPath> plan_paths() {
  static const std::array<PlanPath, 2> kPaths = {{
      {"/v1/images/plan", openai_dialect(), plan_response_json},
      {"/v1/messages/count_tokens", anthropic_dialect(), token_count_json},
  }};
  return kPaths;
}

std::span<const DialectPrefix> dialect_prefixes() {
  // Moondream's errors have OpenAI's shape.
  // The original backend has its own below /api/v1/, at its port; elsewhere nothing is there.
  static const std::array<DialectPrefix, 4> kPrefixes = {
      {{"/v1/", openai_dialect()},
       {"/v1/messages", anthropic_dialect()},
       {"/api/", ollama_dialect(OllamaRoute::kChat)},
       {"/api/v1/", openai_dialect()}}};
  return kPrefixes;
}

const Dialect& default_dialect() { return openai_dialect(); }

}  // namespace oc
