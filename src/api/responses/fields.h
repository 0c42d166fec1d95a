// The fields of a request of OpenAI's Responses API.
#pragma once

#include <span>
#include <string_view>

#include "api/field.h"

namespace oc {

std::span<const RequestField> response_fields();
// The row of this name, which there is.
const RequestField& response_field(std::string_view name);

}  // namespace oc
