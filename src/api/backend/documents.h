// What the routes of the original backend answer, as JSON.
#pragma once

#include <chrono>
#include <span>
#include <string>

#include "api/backend/config.h"
#include "api/errors.h"
#include "api/status_json.h"

namespace oc {

// GET /, /health and /status while a model is active. `installed` are names on the disk, known or
// not.
std::string backend_root_json(const ServerState& server);
std::string backend_health_json(const ServerState& server,
                                std::chrono::system_clock::time_point now);
std::string backend_status_json(const ServerState& server, const BackendConfig& config,
                                std::span<const std::string> installed);
// Instead of these while none is: the error, and how far the models are.
std::string backend_loading_json(const ApiError& error, std::span<const ServedModel> models);

// GET /config, one flat object.
std::string page_config_json(const BackendConfig& config, const ServedModel& active);
// GET /api/v1/config
std::string full_config_json(const BackendConfig& config, const ServedModel& active);

// A PATCH that has worked. `active`: none where the model has gone in the meantime.
std::string patched_json(const BackendPatch& patch, const BackendConfig& config,
                         const std::optional<ServedModel>& active);

}  // namespace oc
