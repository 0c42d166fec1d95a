// The walk over the rows of an object's fields, once for all dialects. Only for .cpp files: it
// pulls in Boost.JSON.
#pragma once

#include <boost/json/value.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/field.h"
#include "api/json_fields.h"

namespace oc {

// Whether every answer keeps to this value of a field that changes nothing, so that nothing is to
// be told; beside the row's `nothing`.
using KeptTo = bool (*)(std::string_view key, const boost::json::value& value);

// The fields by those of `rows` that lie directly below `prefix` ("", "options."); `more` are
// known, too, and somebody else's. What nobody knows, what is not done and what changes nothing but
// has another type is an error; what changes nothing is listed in `without_effect` by its row's
// name.
Result<void> check_rows(const JsonFields& fields, std::span<const RequestField> rows,
                        std::vector<std::string>& without_effect, std::string_view prefix = {},
                        KeptTo kept_to = nullptr, std::span<const std::string_view> more = {});

}  // namespace oc
