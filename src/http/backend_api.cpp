#include "http/backend_api.h"

#include <fmt/format.h>

#include "api/backend/dialect.h"
#include "api/backend/documents.h"
#include "api/backend/user_query.h"
#include "base/log.h"
#include "http/llama_routes.h"
#include "http/reference.h"
#include "io/counted_memory.h"
#include "runtime/library/plain_name.h"

namespace oc::http {
namespace {

ApiError failure(const Error& error) { return to_api_error(error, Stage::kRequest); }

// The client is not to blame: a 500.
ApiError not_written(std::string_view state, const Error& error) {
  return refuse(Refusal::kNotWritten, fmt::format("{}: {}", state, error.describe()));
}

// The log has its id and length, never its words.
Response note_query(const Request& request) {
  const auto query = parse_user_query(request.body);
  if (!query) return json_response(query_refused_json(query.error()));
  log::event(log::Level::kInfo, "user query", {{"query_id", query->id}, {"bytes", query->bytes}},
             request.id);
  return json_response(query_logged_json(*query));
}

}  // namespace

BackendApi::BackendApi(std::shared_ptr<App> app, BackendApiOptions options)
    : app_(std::move(app)),
      keeper_(std::move(options.keeper)),
      config_(std::move(options.config)) {}

BackendConfig BackendApi::current() const {
  const std::lock_guard lock(mutex_);
  return config_;
}

Router BackendApi::routes() {
  Router router(backend_dialect());
  const auto self = shared_from_this();
  constexpr unsigned kOpen = 1, kDisk = 2, kGuests = 4;
  const auto add = [&](const char* path, Tell what, unsigned traits = 0) {
    router.add({.method = "GET",
                .path = path,
                .handler = [self, what](RequestPtr,
                                        ResponderPtr responder) { self->tell(responder, what); },
                .open = (traits & kOpen) != 0,
                .for_guests = (traits & kGuests) != 0,
                .disk = (traits & kDisk) != 0});
  };
  add("/", &BackendApi::root);
  add("/health", &BackendApi::health, kOpen);
  add("/readyz", &BackendApi::health, kOpen);
  add_livez(router);
  add("/status", &BackendApi::status, kDisk | kGuests);  // lists what is installed
  add("/config", &BackendApi::page, kGuests);
  add("/api/v1/config", &BackendApi::config);
  router.add({.method = "PATCH",
              .path = "/api/v1/config",
              .handler = [self](RequestPtr request,
                                ResponderPtr responder) { self->patch(request, responder); },
              .admin = true,
              .json = true,
              .needs_model = true,
              .blocking = true});
  app_->add_dialects(router);
  app_->add_model_lists(router);  // OpenAI's clients look there before they ask
  add_llama_routes(router, app_);
  router.speak("/api/v1/", backend_dialect());
  add_tracker_routes(router);
  add_reference(router, app_->options().version);
  return router;
}

// What the original's pages send beside questions: what a person typed, which went to a log, and
// questions to its state tracker, which followed the steps of a task by the words of the answers.
void BackendApi::add_tracker_routes(Router& router) const {
  router.add({.method = "POST",
              .path = "/api/v1/logging/user_query",
              .handler = [](RequestPtr request,
                            ResponderPtr responder) { responder->respond(note_query(*request)); },
              .json = true,
              .for_guests = true,
              .blocking = true});
  for (const char* method : {"GET", "POST"})
    for (const char* path : {"/api/v1/state", "/api/v1/state/*"})
      router.add({.method = method,
                  .path = path,
                  .handler =
                      [](RequestPtr, ResponderPtr responder) {
                        responder->fail(
                            refuse(Refusal::kNotImplemented,
                                   "the original's state tracker is not part of this server; "
                                   "questions about a picture go to POST /v1/chat/completions"));
                      },
                  .for_guests = true});
}

// As those of the app; its gauge of connections is the other port's.
ServerHooks BackendApi::hooks() {
  ServerHooks hooks = app_->hooks();
  hooks.on_connections = nullptr;
  return hooks;
}

void BackendApi::tell(const ResponderPtr& responder, Tell what) const {
  const ServerState server = app_->state();
  if (server.active) {
    responder->respond((this->*what)(server));
    return;
  }
  const ApiError error = refuse(Refusal::kNotReady, "the model is still being loaded");
  responder->respond(error_response(error, backend_loading_json(error, server.models)));
}

Response BackendApi::root(const ServerState& server) const {
  return json_response(backend_root_json(server));
}

Response BackendApi::health(const ServerState& server) const {
  Response response = json_response(backend_health_json(server, std::chrono::system_clock::now()));
  if (server.condition == kConditionFailed) response.status = 503;
  return response;
}

Response BackendApi::status(const ServerState& server) const {
  const auto source = app_->models();
  const auto installed = source ? source->installed() : std::vector<std::string>();
  return json_response(backend_status_json(server, current(), installed));
}

Response BackendApi::page(const ServerState& server) const {
  return json_response(page_config_json(current(), *server.active));
}

Response BackendApi::config(const ServerState& server) const {
  return json_response(full_config_json(current(), *server.active));
}

// Everything is checked before anything is done; the answer waits for the new model.
void BackendApi::patch(const RequestPtr& request, const ResponderPtr& responder) {
  CountedMemory counted(request->memory);
  auto parsed = parse_backend_patch(request->body, &counted);
  if (!parsed) {
    responder->fail(failure(parsed.error()));
    return;
  }
  if (const Result<void> checked = check(*parsed); !checked.ok()) {
    const Error& error = checked.error();
    if (error.code != ErrorCode::kUnavailable) {
      responder->fail(failure(error));
      return;
    }
    log::event(log::Level::kWarning, "configuration", {{"not_written", error.message}},
               request->id);
    responder->fail(not_written("nothing was changed", error));
    return;
  }
  const auto source = app_->models();
  if (!parsed->active_model || !source) return finish(*parsed, request->id, responder);
  const std::string name = *parsed->active_model;
  parsed->note = source->note(name);
  log::event(log::Level::kInfo, "switch", {{"to", name.substr(0, 128)}}, request->id);
  source->activate(name, [self = shared_from_this(), patch = *parsed, id = request->id,
                          responder](Result<void> switched) {
    if (switched.ok()) return self->finish(patch, id, responder);
    Error error = switched.error();
    error.param = "active_model";
    if (error.code == ErrorCode::kNotFound) {
      error.code = ErrorCode::kInvalidArgument;  // the original's 400, in its words
      error.message = is_plain_name(*patch.active_model)
                          ? fmt::format("Model '{}' not found or invalid", *patch.active_model)
                          : "Model not found or invalid";
    }
    responder->fail(failure(error));
  });
}

Result<void> BackendApi::check(const BackendPatch& patch) {
  if (!keeper_.keep && changes_server(patch, current()))
    return Error{ErrorCode::kInvalidArgument, "\"server\" cannot be changed while the server runs",
                 "it has no configuration file to keep the change in; start it with other flags",
                 "server"};
  const std::string changes = changes_json(patch);
  if (!keeper_.check || changes == "{}") return {};
  const std::lock_guard lock(keeping_);
  return keeper_.check(changes);
}

void BackendApi::finish(const BackendPatch& patch, const std::string& id,
                        const ResponderPtr& responder) {
  const std::string changes = changes_json(patch);
  if (keeper_.keep && changes != "{}") {
    const std::lock_guard lock(keeping_);
    if (const Result<void> kept = keeper_.keep(changes); !kept.ok()) {
      log::event(log::Level::kWarning, "configuration", {{"not_written", kept.error().message}},
                 id);
      responder->fail(not_written(
          patch.active_model ? "the model is switched until the server ends, nothing else changed"
                             : "nothing was changed",
          kept.error()));
      return;
    }
  }
  {
    const std::lock_guard lock(mutex_);
    apply_patch(patch, config_);
  }
  responder->respond(json_response(patched_json(patch, current(), app_->active())));
}

}  // namespace oc::http
