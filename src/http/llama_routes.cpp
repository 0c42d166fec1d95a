#include "http/llama_routes.h"

#include <functional>
#include <string>
#include <utility>

#include "api/props_json.h"
#include "api/token_texts.h"
#include "http/question.h"

namespace oc::http {
namespace {

// What is left to do when the model is there: its answer.
using Answer = std::function<Result<std::string>(const Backend&)>;

// On a worker; where the model has to be loaded first, on the host's thread.
void with_model(const App& app, const RequestPtr& request, const ResponderPtr& responder,
                const std::string& wanted, Answer answer) {
  const auto source = app.models();
  if (!source || !source->active())
    return void(responder->fail(refuse(Refusal::kNotReady, "the model is being loaded")));
  const std::string name = source->resolve(wanted);
  if (const auto refused = check_loading(*request, *source, name))
    return void(responder->fail(*refused));
  source->find(name, [request, responder,
                      answer = std::move(answer)](Result<std::shared_ptr<Backend>> found) {
    if (!found.ok()) return fail(responder, found.error(), Stage::kRequest, request->id);
    if ((*found)->tokenizer() == nullptr)
      return void(responder->fail(
          refuse(Refusal::kNotImplemented, "this server does not tell its model's tokens")));
    auto text = answer(**found);
    if (!text.ok()) return fail(responder, text.error(), Stage::kRequest, request->id);
    responder->respond(json_response(*std::move(text)));
  });
}

void tokenize(const App& app, const RequestPtr& request, const ResponderPtr& responder) {
  auto parsed = parse_tokenize(std::move(request->body), request->memory);
  if (!parsed.ok()) return fail(responder, parsed.error(), Stage::kRequest, request->id);
  const std::string model = parsed->model;
  with_model(app, request, responder, model,
             [request, wanted = *std::move(parsed)](const Backend& backend) {
               return tokens_json(wanted, *backend.tokenizer(), backend.model().context_length,
                                  request->memory);
             });
}

void detokenize(const App& app, const RequestPtr& request, const ResponderPtr& responder) {
  auto parsed = parse_detokenize(std::move(request->body), request->memory);
  if (!parsed.ok()) return fail(responder, parsed.error(), Stage::kRequest, request->id);
  const std::string model = parsed->model;
  with_model(app, request, responder, model, [wanted = *std::move(parsed)](const Backend& backend) {
    return text_json(wanted, *backend.tokenizer());
  });
}

void props(const App& app, const ResponderPtr& responder) {
  const auto active = app.active();
  if (!active)
    return void(responder->fail(refuse(Refusal::kNotReady, "the model is being loaded")));
  responder->respond(json_response(props_json(*active, app.options().version)));
}

}  // namespace

void add_llama_routes(Router& router, const std::shared_ptr<App>& app) {
  router.add({.method = "GET",
              .path = "/props",
              .handler = [app](RequestPtr, ResponderPtr responder) { props(*app, responder); },
              .needs_model = true});
  using Ask = void (*)(const App&, const RequestPtr&, const ResponderPtr&);
  for (const auto& [path, ask] :
       {std::pair<const char*, Ask>{"/tokenize", tokenize}, {"/detokenize", detokenize}})
    router.add({.method = "POST",
                .path = path,
                .handler = [app, ask](RequestPtr request,
                                      ResponderPtr responder) { ask(*app, request, responder); },
                .json = true,
                .needs_model = true,
                .blocking = true});
}

}  // namespace oc::http
