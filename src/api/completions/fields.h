// The fields of a text completion's body.
#pragma once

#include <span>
#include <string_view>

#include "api/field.h"

namespace oc {

std::span<const RequestField> completion_fields();
// The row of this name, which there is.
const RequestField& completion_field(std::string_view name);

}  // namespace oc
