// A model is loaded before anybody asks it something.
#include <utility>

#include "api/openai/models_json.h"
#include "api/pulls.h"
#include "http/question.h"

namespace oc::http {

// The answer comes when the model is ready. How far it is, /v1/models tells meanwhile.
void App::load(const RequestPtr& request, const ResponderPtr& responder) const {
  const auto source = models();
  if (!source) return;
  const auto wanted = parse_load(request->body);
  if (!wanted.ok()) return http::fail(responder, wanted.error(), Stage::kRequest, request->id);
  const std::string name = source->resolve(*wanted);
  if (const auto refused = check_loading(*request, *source, name))
    return void(responder->fail(*refused));
  source->find(name, [responder, id = request->id](Result<std::shared_ptr<Backend>> found) {
    if (!found.ok()) return http::fail(responder, found.error(), Stage::kRequest, id);
    responder->respond(json_response(model_json((*found)->model())));
  });
}

}  // namespace oc::http
