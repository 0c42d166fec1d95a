// The original backend's errors: {"detail": text}. OpenAI's object stands beside it. Only for .cpp
// files: it pulls in Boost.JSON.
#pragma once

#include <boost/json/object.hpp>

#include "api/errors.h"

namespace oc {

boost::json::object backend_error(const ApiError& error);

}  // namespace oc
