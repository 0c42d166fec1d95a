#include "http/backend_api.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include "api/openai/models_json.h"
#include "base/log.h"
#include "io/counted_memory.h"
#include "io/json.h"
#include "io/json_text.h"
#include "runtime/library/names.h"
#include "runtime/library/plain_name.h"

namespace oc::http {
namespace {

namespace json = boost::json;

Response respond_with(const json::object& body) { return json_response(json_text(body)); }

// The original's errors are {"detail": text}; OpenAI's object stands beside it.
Response failure(const ApiError& error) {
  Response response = error_response(error);
  json::object body = json::parse(response.body).as_object();
  body["detail"] = error.message;
  response.body = json_text(body);
  return response;
}
Response failure(const Error& error) { return failure(to_api_error(error, Stage::kRequest)); }

// The client is not to blame: a 500.
ApiError not_written(std::string_view state, const Error& error) {
  return refuse(Refusal::kNotWritten, fmt::format("{}: {}", state, error.describe()));
}

std::string timestamp() {
  const auto now =
      std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
}

// The log has its id and length, never its words. The original answered whatever came with a 200.
Response note_query(const Request& request) {
  constexpr std::size_t kMost = 64u << 10, kMostId = 128;
  json::object out{{"status", "error"}};
  if (request.body.size() > kMost) {
    out["message"] = "the body is longer than 65536 bytes";
    return respond_with(out);
  }
  const auto parsed = parse_json(request.body, "body", 8);
  const json::object* fields = parsed.ok() ? parsed->if_object() : nullptr;
  const auto text = [&](std::string_view key) -> const json::string* {
    const json::value* value = fields == nullptr ? nullptr : fields->if_contains(key);
    return value == nullptr ? nullptr : value->if_string();
  };
  const json::string *id = text("query_id"), *query = text("query");
  if (id == nullptr || query == nullptr || id->size() > kMostId) {
    out["message"] = R"("query_id", of at most 128 bytes, and "query" must be strings)";
    return respond_with(out);
  }
  log::event(log::Level::kInfo, "user query",
             {{"query_id", std::string_view(*id)}, {"bytes", query->size()}}, request.id);
  out["status"] = "logged";
  out["query_id"] = *id;
  return respond_with(out);
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
  Router router;
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
  router.add({.method = "POST",
              .path = "/v1/chat/completions",
              .handler = [self](RequestPtr request,
                                ResponderPtr responder) { self->app_->chat(request, responder); },
              .json = true,
              .needs_model = true,
              .for_guests = true,
              .blocking = true});
  add_tracker_routes(router);
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
                        responder->respond(failure(
                            refuse(Refusal::kNotImplemented,
                                   "the original's state tracker is not part of this server; "
                                   "questions about a picture go to POST /v1/chat/completions")));
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
  if (const auto active = app_->active()) {
    responder->respond((this->*what)(*active));
    return;
  }
  Response response = failure(refuse(Refusal::kNotReady, "the model is still being loaded"));
  json::object body = json::parse(response.body).as_object();
  body["status"] = "loading";
  body["models"] = model_states(app_->known_models());
  response.body = json_text(body);
  responder->respond(std::move(response));
}

Response BackendApi::root(const ServedModel& active) const {
  json::object out;
  out["message"] = "Vision Models Unified API";
  out["active_model"] = active.key();
  out["version"] = app_->options().version;
  return respond_with(out);
}

Response BackendApi::health(const ServedModel& active) const {
  json::object out;
  out["status"] = app_->condition(active);
  out["active_model"] = active.key();
  out["timestamp"] = timestamp();
  out["version"] = app_->options().version;
  out["state"] = active.state;
  if (!active.why.empty()) out["why"] = active.why;
  if (!active.fallback.empty()) out["fallback_reason"] = active.fallback;
  Response response = respond_with(out);
  if (app_->condition(active) == App::kFailed) response.status = 503;
  return response;
}

Response BackendApi::status(const ServedModel& active) const {
  const auto source = app_->models();
  const std::vector<ServedModel> known = app_->known_models();
  json::array names;
  for (const ServedModel& model : known) names.emplace_back(model.key());
  if (source)
    for (const std::string& name : source->installed())
      if (std::ranges::none_of(known, [&](const auto& one) { return one.answers_to(name); }))
        names.emplace_back(name);
  json::object out;
  out["active_model"] = active.name;
  out["model_id"] = active.key();
  out["available_models"] = std::move(names);
  out["config"] = app_config(current(), active);
  out["model_status"] = model_summary(active, app_->options().version);
  out["status"] = app_->condition(active);
  out["state"] = active.state;
  if (!active.fallback.empty()) out["fallback_reason"] = active.fallback;
  out["models"] = model_states(known);
  return respond_with(out);
}

Response BackendApi::page(const ServedModel& active) const {
  return respond_with(page_config(current(), active));
}

Response BackendApi::config(const ServedModel& active) const {
  return respond_with(full_config(current(), active));
}

// Everything is checked before anything is done; the answer waits for the new model.
void BackendApi::patch(const RequestPtr& request, const ResponderPtr& responder) {
  CountedMemory counted(request->memory);
  auto parsed = parse_backend_patch(request->body, &counted);
  if (!parsed) {
    responder->respond(failure(parsed.error()));
    return;
  }
  if (const Result<void> checked = check(*parsed); !checked.ok()) {
    const Error& error = checked.error();
    if (error.code != ErrorCode::kUnavailable) {
      responder->respond(failure(error));
      return;
    }
    log::event(log::Level::kWarning, "configuration", {{"not_written", error.message}},
               request->id);
    responder->respond(failure(not_written("nothing was changed", error)));
    return;
  }
  const auto source = app_->models();
  if (!parsed->active_model || !source) return finish(*parsed, request->id, responder);
  const std::string name = *parsed->active_model;
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
    responder->respond(failure(error));
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
      responder->respond(failure(not_written(
          patch.active_model ? "the model is switched until the server ends, nothing else changed"
                             : "nothing was changed",
          kept.error())));
      return;
    }
  }
  {
    const std::lock_guard lock(mutex_);
    apply_patch(patch, config_);
  }
  const BackendConfig config = current();
  json::object out;
  out["status"] = "success";
  out["message"] = "Configuration updated successfully";
  if (const auto active = app_->active()) out["config"] = app_config(config, *active);
  if (changes_server(patch, config)) out["restart_required"] = true;
  if (!patch.ignored.empty())
    out["ignored"] = json::array(patch.ignored.begin(), patch.ignored.end());
  responder->respond(respond_with(out));
}

}  // namespace oc::http
