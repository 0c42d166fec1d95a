// The fields of a request, and of a picture in it, that say how pictures are shown to the model:
// the knobs of all families. That the model asked has them is seen when it is known.
#pragma once

#include <string_view>
#include <vector>

#include "api/json_fields.h"
#include "models/image_plan.h"

namespace oc {

std::vector<RequestField> knob_fields();
std::vector<std::string_view> knob_names();  // "num_crops", …

// The knobs that an object sets. kInvalidArgument names a field that is no whole number, or out of
// the bounds of every family.
Result<KnobValues> parse_knobs(const JsonFields& fields);

}  // namespace oc
