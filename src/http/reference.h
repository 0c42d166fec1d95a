// What a server answers, as an OpenAPI document at /openapi.json, and as a page to be read at
// /docs.
#pragma once

#include <string_view>

#include "http/router.h"

namespace oc::http {

// Describes the routes that `router` has so far, itself included; the page's files come behind it.
// No key is wanted. `version` is the program's.
void add_reference(Router& router, std::string_view version);

}  // namespace oc::http
