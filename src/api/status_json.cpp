#include "api/status_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/value_from.hpp>
#include <cmath>

#include "api/model_states.h"
#include "api/original_fields.h"
#include "io/json_text.h"

namespace oc {
namespace {

namespace json = boost::json;

double mean_seconds(const ServiceStats& stats) {
  return stats.completed == 0 ? 0 : stats.total_ms / 1000 / static_cast<double>(stats.completed);
}

json::object counters(const ServiceStats& stats) {
  json::object out;
  out["requests"] = stats.completed;
  out["total_time"] = stats.total_ms / 1000;
  out["avg_time"] = mean_seconds(stats);
  out["cache_hits"] = stats.responses.hits;
  out["accepted"] = stats.accepted;
  out["failed"] = stats.failed;
  out["cancelled"] = stats.cancelled;
  out["rejected"] = stats.rejected;
  out["empty_answers"] = stats.empty_answers;
  out["prompt_tokens"] = stats.prompt_tokens;
  out["completion_tokens"] = stats.completion_tokens;
  out["generated_tokens"] = stats.generated_tokens;
  out["queued"] = stats.queued;
  out["running"] = stats.running;
  return out;
}

}  // namespace

json::object loading_state(const ModelLoading& loading) {
  json::object out;
  out["seconds"] = std::round(loading.seconds * 10) / 10;
  if (loading.phase.empty()) return out;
  out["phase"] = loading.phase;
  out["done_bytes"] = loading.done;
  out["total_bytes"] = loading.total;
  return out;
}

json::array model_states(std::span<const ServedModel> models) {
  json::array out;
  for (const ServedModel& model : models) {
    json::object one;
    one["name"] = model.name;
    one["state"] = model.state;
    one["active"] = model.active;
    one["memory_bytes"] = model.loaded_bytes;
    one["running"] = model.in_use;
    one["requests"] = model.requests;
    // Whole milliseconds: Boost.JSON writes fractions as 3.655E0.
    one["idle_ms"] = std::llround(model.idle_s * 1000);
    if (model.loads > 0) one["load_ms"] = std::llround(model.load_ms);
    if (model.loading) one["loading"] = loading_state(*model.loading);
    if (!model.why.empty()) one["why"] = model.why;
    if (!model.fallback.empty()) one["fallback_reason"] = model.fallback;
    out.push_back(std::move(one));
  }
  return out;
}

std::string_view condition_of(const ServedModel& active, std::span<const ServedModel> models) {
  const bool again = active.state == "loading" || active.state == "warming";
  if (active.state != kConditionFailed && !(again && !active.why.empty())) return "healthy";
  const bool others = std::ranges::any_of(
      models, [](const ServedModel& one) { return one.state == "ready" && !one.active; });
  return others ? "degraded" : kConditionFailed;
}

std::string health_json(const ServerState& server) {
  json::object out;
  out["status"] = server.condition;
  if (!server.active) {
    if (!server.models.empty()) {
      out["model"] = server.models.front().name;
      out["state"] = server.models.front().state;
      if (const auto& loading = server.models.front().loading)
        out["loading"] = loading_state(*loading);
    }
    return json_text(out);
  }
  const ServedModel& active = *server.active;
  out["model"] = active.name;
  out["version"] = server.version;
  out["framework"] = "ocellus";
  out["method"] = method_of(active.engine);
  out["optimized"] = active.optimized;
  out["engine"] = active.engine.text();
  out["state"] = active.state;
  if (!active.why.empty()) out["why"] = active.why;
  if (!active.fallback.empty()) out["fallback_reason"] = active.fallback;
  out["queued"] = server.service.queued;
  out["running"] = server.service.running;
  json::object performance;
  performance["requests"] = server.service.completed;
  performance["avg_time"] = fmt::format("{:.2f}s", mean_seconds(server.service));
  performance["cache_hits"] = server.service.responses.hits;
  out["performance"] = std::move(performance);
  return json_text(out);
}

std::string stats_json(const ServerState& server) {
  const ServedModel& active = *server.active;
  json::object features;  // the standard server's
  features["mlx_support"] = active.engine.name == "mlx";
  features["transformers_fallback"] = !active.fallback.empty();
  features["cross_platform"] = true;
  json::object optimizations;  // the optimised server's
  optimizations["single_threaded"] = false;
  optimizations["memory_management"] = true;
  optimizations["mlx_acceleration"] = active.engine.name == "mlx";
  optimizations["port_cleanup"] = false;
  json::object out;
  out["model"] = active.name;
  out["framework"] = "ocellus";
  out["method"] = method_of(active.engine);
  out["statistics"] = counters(server.service);
  out["features"] = std::move(features);
  out["optimizations"] = std::move(optimizations);
  out["models"] = model_states(server.models);
  out["resident_bytes"] = server.resident_bytes;
  out["log_lines_dropped"] = server.log_lines_dropped;
  return json_text(out);
}

std::string status_json(const ServerState& server) {
  json::object out;
  out["status"] = server.condition;
  if (server.active)
    out["active_model"] = server.active->name;
  else
    out["active_model"] = nullptr;
  out["version"] = server.version;
  out["resident_bytes"] = server.resident_bytes;
  out["models"] = model_states(server.models);
  return json_text(out);
}

std::string ui_json(const std::string& model, const UiSettings& ui) {
  json::object out;
  out["title"] = model;
  out["description"] = ui.description;
  out["default_instruction"] = ui.default_instruction;
  out["capture_intervals"] = json::value_from(ui.capture_intervals);
  const auto or_null = [](const std::optional<std::int64_t>& value) {
    return value ? json::value(*value) : json::value(nullptr);
  };
  out["default_interval"] = or_null(ui.default_interval);
  out["video_width"] = or_null(ui.video_width);
  out["video_height"] = or_null(ui.video_height);
  return json_text(out);
}

}  // namespace oc
