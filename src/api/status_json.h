// What a server tells of itself: GET /health, /stats, /status and /ui/config, as JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/served_model.h"
#include "runtime/serving/service_stats.h"

namespace oc {

struct ServerState {
  std::string version;                // of the program
  std::optional<ServedModel> active;  // none: the first one is being loaded
  std::vector<ServedModel> models;    // known so far, the active one first
  std::string_view condition;         // condition_of() these, "loading" without an active one
  ServiceStats service;               // of all models
  std::size_t resident_bytes = 0;
  std::uint64_t log_lines_dropped = 0;
};

inline constexpr std::string_view kConditionFailed = "failed";
// "healthy"; where the active model is out of service (its files were lost while it was served)
// "degraded" while another one answers, else kConditionFailed.
std::string_view condition_of(const ServedModel& active, std::span<const ServedModel> models);

std::string health_json(const ServerState& server);
std::string stats_json(const ServerState& server);   // while a model is active
std::string status_json(const ServerState& server);  // for `ocellus ps`
std::string ui_json(const std::string& model, const UiSettings& ui);

}  // namespace oc
