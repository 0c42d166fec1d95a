// The JSON schema that a request wants its answer to keep to, in any dialect. Only for .cpp files:
// it pulls in Boost.JSON.
#pragma once

#include <boost/json/value.hpp>
#include <string>

#include "api/chat_request.h"

namespace oc {

// The answer keeps to it. What of it another keyword stands for is told in the warning. Errors: as
// enforceable_schema(), whose `path` is the name of the field.
Result<void> want_schema(const boost::json::value& schema, const std::string& path,
                         ChatRequest& request);

}  // namespace oc
