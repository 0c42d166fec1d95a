// OpenAI's errors: {"error": {"message", "type", "param", "code"}}. Only for .cpp files: it pulls
// in Boost.JSON.
#pragma once

#include <boost/json/object.hpp>

#include "api/errors.h"

namespace oc {

boost::json::object openai_error(const ApiError& error);

}  // namespace oc
