// The state of each model, as /stats and /status tell it. Only for .cpp files: it pulls in
// Boost.JSON.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <span>

#include "api/served_model.h"

namespace oc {

// {"seconds"}, and where there are figures "phase", "done_bytes" and "total_bytes".
boost::json::object loading_state(const ModelLoading& loading);
// Each with name, state, memory, requests, idle time; for `ocellus ps`.
boost::json::array model_states(std::span<const ServedModel> models);

}  // namespace oc
