// GET /props: what llama.cpp's clients ask a server about itself.
#pragma once

#include <string>
#include <string_view>

#include "api/served_model.h"

namespace oc {

// version: of this program.
std::string props_json(const ServedModel& model, std::string_view version);

}  // namespace oc
