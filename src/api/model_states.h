// The state of each model, as /stats and /status tell it. Only for .cpp files: it pulls in
// Boost.JSON.
#pragma once

#include <boost/json/array.hpp>
#include <span>

#include "api/served_model.h"

namespace oc {

// Each with name, state, memory, requests, idle time; for `ocellus ps`.
boost::json::array model_states(std::span<const ServedModel> models);

}  // namespace oc
