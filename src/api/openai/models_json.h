// What clients are told about models: GET /v1/models.
#pragma once

#include <span>
#include <string>

#include "api/served_model.h"

namespace oc {

std::string model_json(const ServedModel& model);
// {"object": "list", "data": […]}: `models`, then those of `installed` that are none of them, which
// would be loaded on demand.
std::string models_json(std::span<const ServedModel> models,
                        std::span<const std::string> installed = {});

}  // namespace oc
