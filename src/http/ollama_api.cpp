#include "http/ollama_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <tuple>
#include <utility>

#include "api/ollama/model_requests.h"
#include "api/ollama/models_json.h"
#include "api/ollama/pull_lines.h"
#include "api/openai/models_json.h"
#include "base/log.h"
#include "http/answer_sender.h"
#include "runtime/hosting/model_recipe.h"
#include "runtime/hub/remove.h"
#include "runtime/library/client_name.h"

namespace oc::http {
namespace {

// What Ollama has and this program does not: models that are made here, and numbers for texts.
constexpr std::pair<const char*, const char*> kNotDone[] = {
    {"/api/copy", "models are not copied here"},
    {"/api/create", "models are not made here; POST /api/pull brings one"},
    {"/api/push", "models are not sent anywhere from here"},
    {"/api/blobs/*", "models are not made here; POST /api/pull brings one"},
    {"/api/embed", "the models here answer questions about pictures and give no embeddings"},
    {"/api/embeddings", "the models here answer questions about pictures and give no embeddings"},
};

}  // namespace

Handler OllamaApi::handler(Answer answer) {
  return [self = shared_from_this(), answer](const RequestPtr& request,
                                             const ResponderPtr& responder) {
    ((*self).*answer)(request, responder);
  };
}

void OllamaApi::add_to(Router& router) {
  router.add({.method = "GET", .path = "/api/version", .handler = handler(&OllamaApi::version)});
  router.add(
      {.method = "GET", .path = "/api/tags", .handler = handler(&OllamaApi::tags), .disk = true});
  router.add(
      {.method = "GET", .path = "/api/ps", .handler = handler(&OllamaApi::ps), .disk = true});
  router.add({.method = "POST",
              .path = "/api/show",
              .handler = handler(&OllamaApi::show),
              .json = true,
              .any_type = true,
              .disk = true});
  for (const auto& [method, path, answer] :
       {std::tuple("POST", "/api/pull", &OllamaApi::pull),
        std::tuple("DELETE", "/api/delete", &OllamaApi::remove)})
    router.add({.method = method,
                .path = path,
                .handler = handler(answer),
                .admin = true,
                .own_page = true,
                .json = true,
                .any_type = true,
                .blocking = true});
  for (const auto& [path, why] : kNotDone)
    for (const char* method : {"POST", "GET"}) {
      // HEAD asks whether a blob is there.
      if (method == std::string_view("GET") && !std::string_view(path).ends_with("/*")) continue;
      router.add(
          {.method = method,
           .path = path,
           .handler = [text = std::string(why)](const RequestPtr&, const ResponderPtr& responder) {
             responder->fail(refuse(Refusal::kNotImplemented, text));
           }});
    }
}

std::vector<ServedModel> OllamaApi::served() const {
  const auto source = app_->models();
  return source ? source->models() : std::vector<ServedModel>();
}

std::vector<ModelAlias> OllamaApi::aliases() const {
  const auto source = app_->models();
  return source ? source->aliases() : std::vector<ModelAlias>();
}

// As lists have them.
std::vector<std::string> OllamaApi::names_of(
    const std::vector<ServedModel>& models,
    const std::vector<hub::InstalledModel>& installed) const {
  std::vector<std::string> on_disk;
  for (const hub::InstalledModel& one : installed)
    if (one.problem.empty()) on_disk.push_back(one.name);
  return ModelList(models, std::move(on_disk), aliases()).names();
}

void OllamaApi::version(const RequestPtr&, const ResponderPtr& responder) const {
  responder->respond(json_response(ollama_version_json(app_->options().version)));
}

void OllamaApi::tags(const RequestPtr&, const ResponderPtr& responder) const {
  responder->respond(json_response(ollama_tags_json(served(), hub::installed_models(), aliases())));
}

void OllamaApi::ps(const RequestPtr&, const ResponderPtr& responder) const {
  responder->respond(json_response(
      ollama_ps_json(served(), hub::installed_models(), std::chrono::system_clock::now())));
}

void OllamaApi::show(const RequestPtr& request, const ResponderPtr& responder) const {
  const auto wanted = parse_ollama_model(OllamaModelRoute::kShow, request->body);
  if (!wanted.ok()) return http::fail(responder, wanted.error(), Stage::kRequest, request->id);
  const auto source = app_->models();
  const std::string name(without_latest(source ? source->listed_name(*wanted) : *wanted));
  const std::vector<ServedModel> models = served();
  const auto known =
      std::ranges::find_if(models, [&](const ServedModel& one) { return one.answers_to(name); });
  const auto installed = hub::installed_models();
  const auto lies = std::ranges::find_if(installed, [&](const hub::InstalledModel& one) {
    return known != models.end() ? known->answers_to(one.name) : one.name == name;
  });
  const ServedModel* model = known == models.end() ? nullptr : &*known;
  const hub::InstalledModel* place = lies == installed.end() ? nullptr : &*lies;
  if (model == nullptr && place == nullptr)
    return http::fail(responder,
                      {ErrorCode::kNotFound, "there is no model of this name",
                       (source ? source->how_to_get(source->resolve(*wanted)) : "") +
                           names_instead(*wanted, names_of(models, installed)),
                       "model"},
                      Stage::kRequest, request->id);
  responder->respond(json_response(ollama_show_json(model, place)));
}

void OllamaApi::pull(const RequestPtr& request, const ResponderPtr& responder) const {
  auto wanted = parse_ollama_pull(request->body);
  if (!wanted.ok()) return http::fail(responder, wanted.error(), Stage::kRequest, request->id);
  app_->pulls()->begin(std::move(wanted->pull),
                       {request, responder, &ollama_pull_lines(), wanted->stream});
}

// As `ocellus rm`; a model that is loaded is let go of first, but not the one that answers requests
// without a name.
void OllamaApi::remove(const RequestPtr& request, const ResponderPtr& responder) const {
  const auto failed = [&](Error error) {
    if (error.param.empty()) error.param = "model";
    http::fail(responder, error, Stage::kRequest, request->id);
  };
  const auto wanted = parse_ollama_model(OllamaModelRoute::kDelete, request->body);
  if (!wanted.ok()) return failed(wanted.error());
  const auto found = hub::find_to_remove(without_latest(*wanted));
  if (!found.ok()) {
    Error error = found.error();
    error.message = without_folder(std::move(error.message), std::string(without_latest(*wanted)));
    return failed(std::move(error));
  }
  const auto source = app_->models();
  for (const ServedModel& model : served()) {
    if (!model.answers_to(found->name) || model.loaded_bytes == 0) continue;
    if (model.active)
      return failed({ErrorCode::kInvalidArgument, "the active model is not removed",
                     "PATCH /api/v1/config of the backend's port switches to another one first",
                     "model"});
    if (const auto gone = source->unload(model.name); !gone.ok()) return failed(gone.error());
  }
  if (const auto removed = hub::remove_found(*found); !removed.ok()) {
    Error error = removed.error();
    error.message = without_folder(std::move(error.message), found->name);
    return failed(std::move(error));
  }
  log::event(log::Level::kInfo, "removed", {{"model", found->name}}, request->id);
  if (source) source->look_again();
  Response done;  // 200, and nothing to be read
  done.content_type.clear();
  responder->respond(std::move(done));
}

}  // namespace oc::http
