// What clients are told about models: GET /v1/models and the state of each in /stats and /status.
#pragma once

#include <boost/json/array.hpp>
#include <span>
#include <string>

#include "api/served_model.h"

namespace oc {

std::string model_json(const ServedModel& model);
// {"object": "list", "data": […]}: `models`, then those of `installed` that are none of them, which
// would be loaded on demand.
std::string models_json(std::span<const ServedModel> models,
                        std::span<const std::string> installed = {});

// Each with name, state, memory, requests, idle time; for `ocellus ps`.
boost::json::array model_states(std::span<const ServedModel> models);

}  // namespace oc
