// The field "response_format" of a chat request. Only for .cpp files: it pulls in Boost.JSON.
#pragma once

#include <optional>
#include <string>

#include "api/json_fields.h"

namespace oc {

// For GenerateRequest::json_schema; nullopt where the answer may be any text. Errors name the path
// of what is wrong, down to the schema's keyword.
Result<std::optional<std::string>> parse_response_format(const JsonFields& request);

}  // namespace oc
