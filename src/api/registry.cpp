#include "api/registry.h"

#include <array>

#include "api/anthropic/dialect.h"
#include "api/anthropic/messages_response.h"
#include "api/completions/dialect.h"
#include "api/moondream/dialect.h"
#include "api/ollama/dialect.h"
#include "api/openai/dialect.h"
#include "api/openai/plan_response.h"
#include "api/responses/dialect.h"
#include "api/responses/responses_answer.h"

namespace oc {

std::span<const ChatPath> chat_paths() {
  static const std::array<ChatPath, 10> kPaths = {{
      {"/v1/chat/completions", openai_dialect()},
      {"/v1/completions", completions_dialect()},
      {"/v1/responses", responses_dialect()},
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
  static const std::array<PlanPath, 3> kPaths = {{
      {"/v1/images/plan", openai_dialect(), plan_response_json},
      {"/v1/responses/input_tokens", responses_dialect(), input_tokens_json},
      {"/v1/messages/count_tokens", anthropic_dialect(), token_count_json},
  }};
  return kPaths;
}

std::span<const DialectPrefix> dialect_prefixes() {
  // Moondream's errors have OpenAI's shape.
  // The original backend has its own below /api/v1/, at its port; elsewhere nothing is there.
  // Ollama's clients ask below /v1/ where they are given an address that ends so.
  static const std::array<DialectPrefix, 5> kPrefixes = {
      {{"/v1/", openai_dialect()},
       {"/v1/messages", anthropic_dialect()},
       {"/api/", ollama_dialect(OllamaRoute::kChat)},
       {"/v1/api/", ollama_dialect(OllamaRoute::kChat)},
       {"/api/v1/", openai_dialect()}}};
  return kPrefixes;
}

std::span<const AbsentPath> absent_paths() {
  constexpr std::string_view
      kSound = "this server neither hears nor speaks",
      kDrawing = "this server draws no pictures", kNoEmbeddings = "this server makes no embeddings",
      kNoBatches = "this server has no batches: `ocellus batch` asks about many pictures",
      kFiles = "this server keeps no files: pictures are sent with questions",
      kState = "this server has no assistants, threads and vector stores";
  static const std::array<AbsentPath, 23> kPaths = {{
      {"/v1/embeddings", kNoEmbeddings},
      {"/embedding", kNoEmbeddings},  // llama.cpp's, as the next two
      {"/completion",
       "llama.cpp's own API is not spoken here: POST /v1/completions goes on from a \"prompt\", "
       "and "
       "\"max_tokens\" or \"n_predict\" says how far"},
      {"/infill", "this server fills nothing in between two texts"},
      {"/v1/rerank", "this server ranks no documents"},
      {"/v1/audio/", kSound},
      {"/v1/realtime", kSound},
      {"/v1/images/generations", kDrawing},
      {"/v1/images/edits", kDrawing},
      {"/v1/images/variations", kDrawing},
      {"/v1/videos", "this server makes no videos"},
      {"/v1/moderations", "this server moderates nothing"},
      {"/v1/files", kFiles},
      {"/v1/uploads", kFiles},
      {"/v1/containers", kFiles},
      {"/v1/batches", kNoBatches},
      {"/v1/messages/batches", kNoBatches},
      {"/v1/fine_tuning/", "this server trains no models"},
      {"/v1/evals", "this server has no evals: `ocellus eval` measures a model"},
      {"/v1/assistants", kState},
      {"/v1/threads", kState},
      {"/v1/vector_stores", kState},
      {"/v1/conversations",
       "this server has no conversations by themselves: POST /v1/responses goes on from an answer "
       "by its \"previous_response_id\""},
  }};
  return kPaths;
}

const Dialect& default_dialect() { return openai_dialect(); }

}  // namespace oc
