// The fields of POST /v1/messages, as rows (docs.anthropic.com, Messages API).
#pragma once

#include <span>

#include "api/field.h"

namespace oc {

std::span<const RequestField> messages_fields();

// The row of this name, which there is.
const RequestField& messages_field(std::string_view name);

}  // namespace oc
