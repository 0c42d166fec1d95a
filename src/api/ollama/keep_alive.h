// How long a model is to stay loaded, as Ollama's clients say it. Only for .cpp files: it pulls in
// Boost.JSON.
#pragma once

#include <boost/json/value.hpp>
#include <string_view>

#include "base/result.h"

namespace oc {

// Seconds of a number, or of a duration as Go has it: "5m", "1h30m", "-1s"; below 0: for ever.
// kInvalidArgument with the param "keep_alive".
Result<double> parse_keep_alive(const boost::json::value& value);

}  // namespace oc
