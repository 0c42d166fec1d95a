// The fields of Moondream's requests, as rows: one table for each thing that is asked.
#pragma once

#include <span>

#include "api/field.h"

namespace oc {

enum class MoondreamRoute { kQuery, kCaption, kDetect, kPoint };

// "query", "caption", "detect", "point": the end of its path.
std::string_view name_of(MoondreamRoute route);

// Those of `settings` included: "settings.max_tokens".
std::span<const RequestField> moondream_fields(MoondreamRoute route);

// The row of this name, which the route has.
const RequestField& moondream_field(MoondreamRoute route, std::string_view name);

}  // namespace oc
