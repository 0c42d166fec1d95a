#include "api/backend/documents.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "api/backend/errors.h"
#include "api/model_states.h"
#include "base/clock.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

json::object frontend_of(const BackendConfig& config) {
  json::object out;
  out["video_width"] = config.video_width;
  out["video_height"] = config.video_height;
  out["api_base_url"] = config.api_base_url;
  return out;
}

json::array intervals_of(const BackendConfig& config) {
  return json::array(config.capture_intervals.begin(), config.capture_intervals.end());
}

std::string description_of(const ServedModel& model) {
  return fmt::format("{}, {}, on {}", model.architecture, to_string(model.weights),
                     model.engine.text());
}

// {"active_model", "server", "frontend"}
json::object app_config(const BackendConfig& config, const ServedModel& active) {
  json::object server;
  server["host"] = config.host;
  server["port"] = config.port;
  json::object out;
  out["active_model"] = active.key();
  out["server"] = std::move(server);
  out["frontend"] = frontend_of(config);
  return out;
}

json::object model_summary(const ServedModel& model, std::string_view version) {
  json::object out;
  out["name"] = model.name;
  out["description"] = description_of(model);
  out["version"] = version;
  return out;
}

}  // namespace

std::string backend_root_json(const ServerState& server) {
  json::object out;
  out["message"] = "Vision Models Unified API";
  out["active_model"] = server.active->key();
  out["version"] = server.version;
  return json_text(out);
}

std::string backend_health_json(const ServerState& server,
                                std::chrono::system_clock::time_point now) {
  const ServedModel& active = *server.active;
  json::object out;
  out["status"] = server.condition;
  out["active_model"] = active.key();
  out["timestamp"] = utc_timestamp(now);
  out["version"] = server.version;
  out["state"] = active.state;
  if (!active.why.empty()) out["why"] = active.why;
  if (!active.fallback.empty()) out["fallback_reason"] = active.fallback;
  return json_text(out);
}

std::string backend_status_json(const ServerState& server, const BackendConfig& config,
                                std::span<const std::string> installed) {
  const ServedModel& active = *server.active;
  json::array names;
  for (const ServedModel& model : server.models) names.emplace_back(model.key());
  for (const std::string& name : installed)
    if (std::ranges::none_of(server.models, [&](const auto& one) { return one.answers_to(name); }))
      names.emplace_back(name);
  json::object out;
  out["active_model"] = active.name;
  out["model_id"] = active.key();
  out["available_models"] = std::move(names);
  out["config"] = app_config(config, active);
  out["model_status"] = model_summary(active, server.version);
  out["status"] = server.condition;
  out["state"] = active.state;
  if (!active.fallback.empty()) out["fallback_reason"] = active.fallback;
  out["models"] = model_states(server.models);
  return json_text(out);
}

std::string backend_loading_json(const ApiError& error, std::span<const ServedModel> models) {
  json::object out = backend_error(error);
  out["status"] = "loading";
  out["models"] = model_states(models);
  return json_text(out);
}

std::string page_config_json(const BackendConfig& config, const ServedModel& active) {
  json::object out = frontend_of(config);
  out["default_instruction"] = config.default_instruction;
  out["capture_intervals"] = intervals_of(config);
  out["capture_interval"] = config.capture_interval;
  out["model_help"] = description_of(active);
  out["active_model"] = active.key();
  return json_text(out);
}

std::string full_config_json(const BackendConfig& config, const ServedModel& active) {
  json::object ui;
  ui["default_instruction"] = config.default_instruction;
  ui["capture_intervals"] = intervals_of(config);
  ui["default_interval"] = config.capture_interval;
  json::object model;
  model["model_name"] = active.name;
  model["model_id"] = active.key();
  model["description"] = description_of(active);
  model["context_length"] = active.context_length;
  model["ui"] = std::move(ui);
  json::object out = app_config(config, active);
  out["model_config"] = std::move(model);
  return json_text(out);
}

std::string patched_json(const BackendPatch& patch, const BackendConfig& config,
                         const std::optional<ServedModel>& active) {
  json::object out;
  out["status"] = "success";
  out["message"] = "Configuration updated successfully";
  if (active) out["config"] = app_config(config, *active);
  if (!patch.note.empty() && active && active->name != patch.active_model)
    out["warning"] = patch.note;
  if (changes_server(patch, config)) out["restart_required"] = true;
  if (!patch.ignored.empty())
    out["ignored"] = json::array(patch.ignored.begin(), patch.ignored.end());
  return json_text(out);
}

}  // namespace oc
