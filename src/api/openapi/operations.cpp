#include <array>

#include "api/anthropic/fields.h"
#include "api/completions/fields.h"
#include "api/moondream/fields.h"
#include "api/ollama/fields.h"
#include "api/ollama/model_requests.h"
#include "api/openai/chat_fields.h"
#include "api/openai/image_fields.h"
#include "api/openapi/operation.h"
#include "api/pulls.h"
#include "api/responses/fields.h"
#include "api/token_texts.h"

namespace oc {
namespace {

using Fields = std::vector<RequestField>;

constexpr std::string_view kEvents = "text/event-stream", kLines = "application/x-ndjson";

Fields rows(std::span<const RequestField> fields) { return {fields.begin(), fields.end()}; }

Fields chat_rows() {
  Fields out = rows(kChatFields);
  for (const RequestField& knob : knob_fields()) out.push_back(knob);
  return out;
}

Operation chat_operation(std::string_view path, std::string_view summary, std::string_view answer) {
  return {.method = "POST",
          .path = path,
          .group = "OpenAI",
          .summary = summary,
          .fields = chat_rows(),
          .shapes = {{"messages[]", "ChatMessage"}, {"response_format", "ResponseFormat"}},
          .required = {"messages"},
          .answer = answer};
}

Operation responses_operation(std::string_view path, std::string_view summary,
                              std::string_view answer) {
  Fields fields = rows(response_fields());
  for (const RequestField& knob : knob_fields()) fields.push_back(knob);
  return {.method = "POST",
          .path = path,
          .group = "OpenAI",
          .summary = summary,
          .fields = std::move(fields),
          .required = {"input"},
          .answer = answer};
}

Operation kept_answer(std::string_view method, std::string_view summary, std::string_view answer) {
  return {.method = method,
          .path = "/v1/responses/*",
          .group = "OpenAI",
          .summary = summary,
          .answer = answer,
          .parameter = "response_id"};
}

Operation messages_operation(std::string_view path, std::string_view summary,
                             std::string_view answer) {
  return {.method = "POST",
          .path = path,
          .group = "Anthropic",
          .summary = summary,
          .fields = rows(messages_fields()),
          .shapes = {{"messages[]", "InputMessage"}},
          .required = {"messages"},
          .answer = answer,
          .error = "AnthropicError"};
}

Operation moondream_operation(MoondreamRoute route, std::string_view path, std::string_view summary,
                              std::string_view answer, std::vector<std::string_view> required) {
  return {.method = "POST",
          .path = path,
          .group = "Moondream",
          .summary = summary,
          .detail = "Of models that have this task.",
          .fields = rows(moondream_fields(route)),
          .required = std::move(required),
          .answer = answer};
}

Operation ollama_operation(OllamaRoute route, std::string_view path, std::string_view summary,
                           std::string_view answer) {
  return {.method = "POST",
          .path = path,
          .group = "Ollama",
          .summary = summary,
          .detail =
              "Unless `stream` is false the answer comes in lines of JSON. Without a question "
              "the model is loaded, or unloaded.",
          .fields = rows(ollama_fields(route)),
          .answer = answer,
          .stream_type = kLines,
          .error = "OllamaError"};
}

Operation ollama_document(std::string_view path, std::string_view summary,
                          std::string_view answer) {
  return {.method = "GET",
          .path = path,
          .group = "Ollama",
          .summary = summary,
          .answer = answer,
          .error = "OllamaError"};
}

Operation ollama_model(std::string_view method, std::string_view path, OllamaModelRoute route,
                       std::string_view summary, std::string_view answer) {
  return {.method = method,
          .path = path,
          .group = "Ollama",
          .summary = summary,
          .fields = rows(ollama_model_fields(route)),
          .answer = answer,
          .error = "OllamaError"};
}

void add_ollama(std::vector<Operation>& out) {
  out.push_back(ollama_operation(OllamaRoute::kChat, "/api/chat", "A question, in Ollama's form",
                                 "OllamaChat"));
  out.back().shapes = {{"messages[]", "OllamaMessage"}};
  out.push_back(ollama_operation(OllamaRoute::kGenerate, "/api/generate",
                                 "A question without a conversation", "OllamaGenerate"));
  out.push_back(ollama_document("/api/version", "Which version of Ollama's API", "OllamaVersion"));
  out.push_back(ollama_document("/api/tags", "Which models there are", "OllamaModels"));
  out.push_back(ollama_document("/api/ps", "Which are loaded", "OllamaModels"));
  out.push_back(ollama_model("POST", "/api/show", OllamaModelRoute::kShow, "What is known of one",
                             "OllamaShow"));
  out.push_back(ollama_model("POST", "/api/pull", OllamaModelRoute::kPull,
                             "Pulls a model; lines of JSON tell how far it is", "OllamaStatus"));
  out.back().stream_type = kLines;
  out.push_back(ollama_model("DELETE", "/api/delete", OllamaModelRoute::kDelete,
                             "Removes a model from the disk", "AnyObject"));
  for (const char* path :
       {"/api/copy", "/api/create", "/api/push", "/api/blobs/*", "/api/embed", "/api/embeddings"})
    out.push_back({.method = "POST", .path = path, .refuses = true});
  out.push_back({.method = "GET", .path = "/api/blobs/*", .refuses = true});
}

Operation document(std::string_view path, std::string_view summary, std::string_view answer,
                   std::string_view type = "application/json") {
  return {.method = "GET",
          .path = path,
          .group = "Server",
          .summary = summary,
          .answer = answer,
          .answer_type = type};
}

Operation backend(std::string_view method, std::string_view path, std::string_view summary,
                  std::string_view body = {}) {
  return {.method = method,
          .path = path,
          .group = "Backend",
          .summary = summary,
          .body = body,
          .answer = "AnyObject",
          .error = "BackendError"};
}

std::vector<Operation> made() {
  using enum MoondreamRoute;
  std::vector<Operation> out;
  out.push_back(chat_operation("/v1/chat/completions", "A question about pictures, answered",
                               "ChatCompletion"));
  out.back().stream_type = kEvents;
  out.push_back(chat_operation("/v1/images/plan",
                               "What a question would take: tokens, views, seconds; runs nothing",
                               "ImagesPlan"));
  out.push_back({.method = "POST",
                 .path = "/v1/completions",
                 .group = "OpenAI",
                 .summary = "A text, gone on from: no template, no conversation",
                 .fields = rows(completion_fields()),
                 .shapes = {{"prompt", "Prompt"}, {"response_format", "ResponseFormat"}},
                 .required = {"prompt"},
                 .answer = "TextCompletion",
                 .stream_type = kEvents});
  out.push_back(responses_operation("/v1/responses",
                                    "A question, in the form of OpenAI's newer API", "Response"));
  out.back().stream_type = kEvents;
  out.push_back(responses_operation("/v1/responses/input_tokens", "How many tokens a question has",
                                    "TokenCount"));
  out.push_back(kept_answer(
      "GET", "An answer that is kept; behind /input_items what it was made of", "AnyObject"));
  out.push_back(kept_answer("DELETE", "Forgets an answer that is kept", "ResponseDeleted"));
  out.push_back(messages_operation("/v1/messages", "A question, in Anthropic's form", "Message"));
  out.back().stream_type = kEvents;
  out.push_back(messages_operation("/v1/messages/count_tokens", "How many tokens a question has",
                                   "TokenCount"));
  out.push_back(moondream_operation(kQuery, "/v1/query", "A question about one picture",
                                    "QueryAnswer", {"question"}));
  out.back().stream_type = kEvents;
  out.push_back(moondream_operation(kCaption, "/v1/caption", "What a picture shows",
                                    "CaptionAnswer", {"image_url"}));
  out.back().stream_type = kEvents;
  out.push_back(moondream_operation(kDetect, "/v1/detect", "Boxes around what is named",
                                    "DetectAnswer", {"image_url", "object"}));
  out.push_back(moondream_operation(kPoint, "/v1/point", "Points on what is named", "PointAnswer",
                                    {"image_url", "object"}));
  add_ollama(out);
  out.push_back({.method = "POST",
                 .path = "/v1/models/load",
                 .group = "Models",
                 .summary = "Loads a model, so that its first question need not wait",
                 .body = "LoadBody",
                 .answer = "Model",
                 .stream_type = kEvents});
  out.push_back({.method = "GET",
                 .path = "/v1/models",
                 .group = "Models",
                 .summary = "Which models there are",
                 .answer = "ModelList"});
  out.push_back({.method = "GET",
                 .path = "/v1/models/*",
                 .group = "Models",
                 .summary = "What is known of one",
                 .answer = "Model",
                 .parameter = "model"});
  out.push_back({.method = "GET",
                 .path = "/v1/models/pull",
                 .group = "Models",
                 .summary = "What can be pulled, and what is here",
                 .answer = "PullCatalogue"});
  out.push_back({.method = "POST",
                 .path = "/v1/models/pull",
                 .group = "Models",
                 .summary = "Pulls a model; events tell how far it is",
                 .fields = rows(pull_fields()),
                 .required = {"model"},
                 .answer = "AnyObject",
                 .answer_type = kEvents});
  out.push_back({.method = "DELETE",
                 .path = "/v1/models/pull",
                 .group = "Models",
                 .summary = "Stops the pull that is under way",
                 .answer = "PullStopped"});
  out.push_back({.method = "POST",
                 .path = "/tokenize",
                 .group = "Tokens",
                 .summary = "A text's tokens",
                 .fields = rows(tokenize_fields()),
                 .answer = "Tokens"});
  out.push_back({.method = "POST",
                 .path = "/detokenize",
                 .group = "Tokens",
                 .summary = "The text of tokens",
                 .fields = rows(detokenize_fields()),
                 .required = {"tokens"},
                 .answer = "TokensText"});
  out.push_back(document("/health", "Whether it answers", "Health"));
  out.push_back(document("/readyz", "The same, for probes", "Health"));
  out.push_back(document("/livez", "Whether the process answers", "Health"));
  out.push_back(document("/props", "What llama.cpp's clients ask about", "AnyObject"));
  out.push_back(document("/stats", "What it has done so far", "AnyObject"));
  out.push_back(document("/status", "Its models, and their state", "AnyObject"));
  out.push_back(
      document("/metrics", "Counters, as Prometheus reads them", "AnyObject", "text/plain"));
  out.push_back(document("/ui/config", "What the page is set up with", "AnyObject"));
  out.push_back(document("/openapi.json", "This document", "AnyObject"));
  out.push_back(document("/docs", "This document, to be read", "AnyObject", "text/html"));
  out.push_back(backend("GET", "/", "What answers here"));
  out.push_back(backend("GET", "/config", "What the original's page is set up with"));
  out.push_back(backend("GET", "/api/v1/config", "The settings"));
  out.push_back(backend("PATCH", "/api/v1/config", "Changes settings", "ConfigPatch"));
  out.push_back(
      backend("POST", "/api/v1/logging/user_query", "Takes note of a typed question", "UserQuery"));
  for (const char* method : {"GET", "POST"})
    for (const char* path : {"/api/v1/state", "/api/v1/state/*"})
      out.push_back({.method = method, .path = path, .refuses = true});
  return out;
}

}  // namespace

std::span<const Operation> operations() {
  static const std::vector<Operation> kAll = made();
  return kAll;
}

}  // namespace oc
