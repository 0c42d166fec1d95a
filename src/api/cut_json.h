// What an answer that had to keep to JSON says of itself where it is cut.
#pragma once

#include "api/field_names.h"
#include "runtime/request.h"

namespace oc {

// Of the answer to a request with a json_schema, before it is sent. Adds to its warning where the
// finish reason is kLength, and the text no whole JSON.
void warn_of_cut_json(GenerateResult& result, const FieldNames& names);

}  // namespace oc
