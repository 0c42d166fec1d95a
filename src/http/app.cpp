#include "http/app.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "api/openai/models_json.h"
#include "base/hex.h"
#include "base/log.h"
#include "http/llama_routes.h"
#include "http/ollama_api.h"
#include "http/page.h"
#include "http/reference.h"
#include "runtime/library/client_name.h"

namespace oc::http {
namespace {

// What is asked every few seconds.
constexpr auto kProbes =
    std::to_array<std::string_view>({"/health", "/livez", "/metrics", "/readyz"});

ApiError loading() { return refuse(Refusal::kNotReady, "the model is still being loaded"); }

// %2F and the like in a model's name; anything that is not an escape stays as it is.
std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// With what there is instead.
std::string why_absent(const AbsentPath& absent) {
  std::vector<std::string_view> paths;
  for (const ChatPath& chat : chat_paths()) paths.push_back(chat.path);
  return fmt::format(
      "{}; it answers questions about pictures: POST {}; GET /v1/models has its "
      "models",
      absent.why, fmt::join(paths, ", "));
}

}  // namespace

App::App(AppOptions options)
    : options_(std::move(options)),
      answers_(std::make_shared<AnswerStore>(options_.kept_answers)),
      pool_(options_.decoders) {
  if (options_.sources) fetchers_.emplace();
}

void App::set_models(std::shared_ptr<ModelSource> models) {
  const std::lock_guard lock(mutex_);
  models_.swap(models);
}

void App::finish() {
  pulls()->finish();
  if (fetchers_) fetchers_->finish();
  pool_.finish();
  set_models(nullptr);
}

std::shared_ptr<ModelSource> App::models() const {
  const std::lock_guard lock(mutex_);
  return models_;
}

ServerState App::state() const {
  ServerState out;
  out.version = options_.version;
  out.condition = "loading";
  const auto source = models();
  if (!source) return out;
  out.active = source->active();
  out.models = source->models();
  if (!out.active) return out;
  out.condition = condition_of(*out.active, out.models);
  out.service = source->stats();
  return out;
}

std::optional<ServedModel> App::active() const {
  const auto source = models();
  return source ? source->active() : std::nullopt;
}

Router App::routes() {
  Router router;
  const auto self = shared_from_this();
  add_dialects(router);
  pulls()->add_to(router);  // in front of /v1/models/*
  router.add({.method = "POST",
              .path = "/v1/models/load",
              .handler = [self](RequestPtr request,
                                ResponderPtr responder) { self->load(request, responder); },
              .json = true,
              .needs_model = true,
              .blocking = true});
  add_model_lists(router);
  router.add({.method = "GET",
              .path = "/health",
              .handler = [self](RequestPtr, ResponderPtr responder) { self->health(responder); },
              .open = true});
  router.add({.method = "GET",
              .path = "/stats",
              .handler = [self](RequestPtr, ResponderPtr responder) { self->stats(responder); },
              .needs_model = true});
  router.add({.method = "GET",
              .path = "/status",
              .handler = [self](RequestPtr, ResponderPtr responder) { self->status(responder); },
              .for_guests = true});
  router.add({.method = "GET",
              .path = "/metrics",
              .handler = [self](RequestPtr, ResponderPtr responder) { self->metrics(responder); }});
  router.add({.method = "GET",
              .path = "/ui/config",
              .handler = [self](RequestPtr, ResponderPtr responder) { self->ui_config(responder); },
              .open = true,
              .needs_model = true});
  router.add({.method = "GET",
              .path = "/readyz",
              .handler = [self](RequestPtr, ResponderPtr responder) { self->health(responder); },
              .open = true});
  add_livez(router);
  add_llama_routes(router, self);
  add_reference(router, options_.version);
  add_page(router);
  return router;
}

void App::add_model_lists(Router& router) {
  for (const std::string path : {"/v1/models", "/v1/models/*"})
    router.add({.method = "GET",
                .path = path,
                .handler = [self = shared_from_this()](
                               RequestPtr request,
                               ResponderPtr responder) { self->list_models(request, responder); },
                .needs_model = true,
                .disk = true});
}

std::shared_ptr<PullRoutes> App::pulls() {
  const std::lock_guard lock(mutex_);
  if (pulls_) return pulls_;
  PullRoutesOptions pulls;
  pulls.pull = options_.pull;
  pulls.ping_every = options_.ping_every;
  pulls.ending = [ending = options_.ending] { return ending && ending->begun(); };
  pulls.came = [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (const auto source = self ? self->models() : nullptr) source->look_again();
  };
  pulls_ = std::make_shared<PullRoutes>(std::move(pulls));
  return pulls_;
}

void App::add_dialects(Router& router) {
  for (const DialectPrefix& below : dialect_prefixes()) router.speak(below.prefix, below.dialect);
  for (const ChatPath& chat : chat_paths())
    add_chat(router, chat.path, chat.dialect, chat.any_type);
  std::make_shared<OllamaApi>(shared_from_this())->add_to(router);
  for (const AbsentPath& absent : absent_paths()) router.explain(absent.prefix, why_absent(absent));
  for (const PlanPath& plan : plan_paths())
    router.add({.method = "POST",
                .path = std::string(plan.path),
                .handler =
                    [self = shared_from_this(), &plan](RequestPtr request, ResponderPtr responder) {
                      self->chat(plan.dialect, request, responder, plan.writer);
                    },
                .dialect = &plan.dialect,
                .json = true,
                .needs_model = true,
                .blocking = true});
  add_kept_answers(router);
}

void App::add_chat(Router& router, std::string_view path, const Dialect& dialect, bool any_type) {
  router.add({.method = "POST",
              .path = std::string(path),
              .handler = [self = shared_from_this(), &dialect](
                             RequestPtr request,
                             ResponderPtr responder) { self->chat(dialect, request, responder); },
              .dialect = &dialect,
              .json = true,
              .any_type = any_type,
              .needs_model = true,
              .for_guests = true,
              .blocking = true});
}

ServerHooks App::hooks() {
  const auto self = shared_from_this();
  ServerHooks hooks;
  hooks.model_ready = [self]() -> std::optional<ApiError> {
    if (self->active()) return std::nullopt;
    return loading();
  };
  hooks.on_exchange = [self](const ExchangeRecord& record) {
    self->metrics_.count_exchange(record.route, record.method, record.status, record.ms);
    // Probes come every few seconds; they are news only when they fail.
    const bool probe = record.status < 400 && (record.method == "GET" || record.method == "HEAD") &&
                       std::ranges::count(kProbes, record.route) > 0;
    log::event(probe ? log::Level::kDebug : log::Level::kInfo, "http",
               {{"client", record.client},
                {"key", record.key},
                {"method", record.method.substr(0, 16)},
                {"path", record.path.substr(0, 128)},
                {"status", record.status},
                log::rounded("ms", record.ms, 1)},
               record.id);
  };
  hooks.on_connections = [self](std::size_t open) { self->connections_ = open; };
  return hooks;
}

void App::health(const ResponderPtr& responder) const {
  const ServerState now = state();
  Response response = json_response(health_json(now));
  if (!now.active) {
    response.status = loading().status;
    response.headers.emplace_back("Retry-After", std::to_string(loading().retry_after_s));
  } else if (now.condition == kConditionFailed) {
    response.status = 503;
    response.headers.emplace_back("Retry-After", "5");
  }
  responder->respond(std::move(response));
}

void App::list_models(const RequestPtr& request, const ResponderPtr& responder) const {
  const auto source = models();
  if (!source || !source->active()) {
    responder->fail(loading());
    return;
  }
  std::vector<ServedModel> known = source->models();
  source->add_certificates(known);
  const ModelList list(known, source->installed(), source->aliases());
  constexpr std::string_view kPrefix = "/v1/models/";
  if (request->path.size() <= kPrefix.size())
    return void(responder->respond(json_response(list.json())));
  const std::string name = percent_decoded(request->path.substr(kPrefix.size()));
  if (const auto one = list.json_of(name, source->listed_name(name)))
    return void(responder->respond(json_response(*one)));
  responder->fail(to_api_error(
      {ErrorCode::kNotFound, "there is no model of this name",
       source->how_to_get(source->resolve(name)) + names_instead(name, list.names()), "model"},
      Stage::kRequest));
}

ServerState App::full_state() const {
  ServerState out = state();
  out.resident_bytes = resident_bytes();
  out.log_lines_dropped = log::dropped();
  return out;
}

void App::stats(const ResponderPtr& responder) const {
  const ServerState now = full_state();
  if (!now.active) return void(responder->fail(loading()));
  responder->respond(json_response(stats_json(now)));
}

// Also while the first model is being loaded; `ocellus ps` asks for it.
void App::status(const ResponderPtr& responder) const {
  responder->respond(json_response(status_json(full_state())));
}

void App::ui_config(const ResponderPtr& responder) const {
  const auto current = active();
  if (!current) return void(responder->fail(loading()));
  responder->respond(json_response(ui_json(current->name, current->ui)));
}

void App::metrics(const ResponderPtr& responder) const {
  const ServerState server = state();
  Metrics::Now now;
  now.ready = server.active && server.condition != kConditionFailed;
  if (server.active) now.model = server.active->name;
  now.service = server.service;
  now.models = server.models;
  now.connections = connections_;
  now.memory_used = options_.memory->used();
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = metrics_.text(now);
  responder->respond(std::move(response));
}

}  // namespace oc::http
